"""How an instance stops: it tells its workers, and resets no connection."""

import ctypes
import os
import signal
import socket
import struct
from contextlib import suppress
from mmap import mmap
from time import sleep
from typing import Any

stopping = mmap(-1, 1)
"""One byte that the arbiter shares with its workers: not 0 when the whole instance stops."""
FOR_GOOD = 2
"""Its value if no other process has the listening sockets."""
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


def tell_workers(arbiter: Any) -> None:
    """Let workers tell a stop of the instance from a reload: both send them SIGTERM."""
    handle: Any = signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: Any) -> None:
        if os.getpid() == arbiter.pid:  # not a worker, which has this handler until it has started
            stopping[0] = FOR_GOOD if owns_listeners(arbiter) else 1
        handle(number, frame)

    signal.signal(signal.SIGTERM, stop)


def owns_listeners(arbiter: Any) -> bool:
    """Return whether no systemd, supervisor or newer gunicorn (SIGUSR2) has the same sockets."""
    inherited = arbiter.systemd or any(isinstance(bind, int) for bind in arbiter.address)
    return not inherited and arbiter.reexec_pid == arbiter.master_pid == 0


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
