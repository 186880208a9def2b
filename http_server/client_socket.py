"""A socket on which a slow client cannot hold a thread for long."""

import select
import socket
import struct
from contextlib import suppress
from fcntl import ioctl
from termios import TIOCOUTQ
from time import monotonic
from typing import Any

PATIENCE = 8.0  # seconds
LEAST_RATE = 4096  # bytes a second
STEP = 1.0  # seconds between checks of how much the client has read
AT_ONCE = int(socket.MSG_DONTWAIT)  # an enum's `|` runs Python


class ClientSocket(socket.socket):
    """Raises `TimeoutError` when a client sends or takes less than `LEAST_RATE` for `PATIENCE`.

    Each direction has a number of seconds left. Waiting uses them up, and each `LEAST_RATE` bytes
    give a second back. A timeout of the socket would bound only one call: a client that sends a
    byte before each timeout would hold a thread for ever. So no call blocks, and `poll` waits.

    gunicorn changes the timeout four times a request. Only this object remembers it: each system
    call hands the interpreter lock to another thread.
    """

    seconds_to_send = PATIENCE
    seconds_to_take = PATIENCE
    sent = 0
    limit: float | None = None  # the timeout: seconds that one `recv` may wait

    def setblocking(self, flag: bool) -> None:
        self.limit = None if flag else 0.0

    def settimeout(self, value: float | None) -> None:
        self.limit = value

    def gettimeout(self) -> float | None:
        return self.limit

    def expect_request(self) -> None:
        """Start the time that the client has to send a request."""
        self.seconds_to_send = PATIENCE

    def recv(self, size: int, flags: int = 0) -> bytes:
        while True:
            try:
                received = super().recv(size, flags | AT_ONCE)
            except BlockingIOError:
                if self.limit == 0:
                    raise
                self.wait_to_receive()
            else:
                self.seconds_to_send = refilled(self.seconds_to_send, len(received))
                return received

    def wait_to_receive(self) -> None:
        started, left = monotonic(), self.seconds_to_send
        came = wait(self, select.POLLIN, left if self.limit is None else min(left, self.limit))
        self.seconds_to_send -= monotonic() - started
        if not came or self.seconds_to_send <= 0:
            raise TimeoutError("the client sends too slowly")

    def send(self, data: Any, flags: int = 0) -> int:
        self.sendall(data, flags)
        return len(data)

    def sendall(self, data: Any, flags: int = 0) -> None:
        rest = memoryview(data)
        while rest:
            try:
                sent = super().send(rest, flags | AT_ONCE)
            except BlockingIOError:
                self.wait_to_send()
            else:
                self.sent += sent
                rest = rest[sent:]

    def wait_to_send(self) -> None:
        started, taken = monotonic(), self.taken()
        wait(self, select.POLLOUT, min(STEP, self.seconds_to_take))
        left = self.seconds_to_take - (monotonic() - started)
        self.seconds_to_take = refilled(left, self.taken() - taken)
        if self.is_too_slow():
            # Closing resets, or the kernel would keep what was not read for minutes.
            self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise TimeoutError("the client reads too slowly")

    def is_too_slow(self) -> bool:
        """Return whether the client took its response too slowly."""
        return self.seconds_to_take <= 0

    def taken(self) -> int:
        """Return how many bytes the client's end has acknowledged."""
        queued = bytes(4)
        with suppress(OSError):  # macOS does not support it
            queued = ioctl(self, TIOCOUTQ, queued)
        waiting: int = struct.unpack("i", queued)[0]
        return self.sent - waiting


def refilled(seconds: float, size: int) -> float:
    return min(PATIENCE, seconds + size / LEAST_RATE)


def wait(sock: socket.socket, event: int, seconds: float) -> bool:
    """Return whether the event came within ``seconds``."""
    waiting = select.poll()  # not select(), which takes no descriptor above 1023
    waiting.register(sock, event)
    return bool(waiting.poll(max(0, seconds) * 1000))  # a negative timeout would wait for ever
