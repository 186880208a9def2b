"""The end of a listening socket, without a reset of a connection."""

import ctypes
import socket
import struct
from contextlib import suppress
from time import sleep
from typing import Any

HANDSHAKE = 0.1  # seconds, longer than a handshake and the first bytes of a request take
SO_ATTACH_FILTER = 26  # of Linux on x86-64 and ARM; Python has no name for it
# Drop segments with SYN and without ACK. The program sees a segment from its TCP header on.
INSTRUCTIONS = (
    (0x30, 0, 0, 13),  # load the flags
    (0x54, 0, 0, 0x12),  # keep SYN and ACK
    (0x15, 0, 1, 0x02),  # if only SYN is set
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # else pass
)


def refuse_connections(listener: Any) -> None:
    """Let no new connection begin, and wait until those that have begun can be accepted.

    The kernel resets a connection that it has accepted and the process has not. A client whose
    connection never began tries again after a second. It is refused then, and may use another
    instance without a risk.
    """
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *i) for i in INSTRUCTIONS))
    pointer = struct.pack("HL", len(INSTRUCTIONS), ctypes.addressof(program))
    with suppress(OSError):  # not Linux, or a sandbox that does not know it
        listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, pointer)
    sleep(HANDSHAKE)
