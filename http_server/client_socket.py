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
MAX_HELD_BYTES = 64 * 1024
AT_ONCE = int(socket.MSG_DONTWAIT)  # an enum's `|` runs Python


class ClientSocket(socket.socket):
    """Raises `TimeoutError` when a client sends or takes less than `LEAST_RATE` for `PATIENCE`.

    Both directions have a number of seconds left. Waiting uses it up, and each `LEAST_RATE` bytes
    give a second back. The operating system's own timeouts (SO_RCVTIMEO, SO_SNDTIMEO) bound only
    a single call: one byte before each of them ends holds a thread for ever.

    Each system call hands the interpreter lock to another thread, which costs more than the call.
    So a response is held until it can be sent in one piece. The timeout is kept here: every call to
    the kernel returns at once, and `poll` does the waiting.
    """

    seconds_to_send = PATIENCE
    seconds_to_take = PATIENCE
    sent = 0
    limit: float | None = None  # seconds that one call may wait, as in `settimeout`
    held: bytes | None = None  # what is to be sent, between `hold` and `drop_held`

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
                self.send_held()  # 100 Continue, which the client waits for
                self.wait_to_receive()
            else:
                self.seconds_to_send = refilled(self.seconds_to_send, len(received))
                return received

    def wait_to_receive(self) -> None:
        started = monotonic()
        limit = PATIENCE if self.limit is None else self.limit
        ready = wait(self, select.POLLIN, min(limit, self.seconds_to_send))
        self.seconds_to_send -= monotonic() - started
        if not ready or self.seconds_to_send <= 0:
            raise TimeoutError("the client sends too slowly")

    def send(self, data: Any, flags: int = 0) -> int:
        self.sendall(data, flags)
        return len(data)

    def hold(self) -> None:
        """Hold what is sent from now on, until `send_held` or until it is large."""
        self.held = b""

    def drop_held(self) -> None:
        """Hold no longer, and forget what has not been sent."""
        self.held = None

    def send_held(self) -> None:
        if self.held:
            data, self.held = self.held, b""
            self.send_now(data)

    def sendall(self, data: Any, flags: int = 0) -> None:
        if self.held is not None and len(self.held) + len(data) <= MAX_HELD_BYTES:
            self.held += data
        else:
            self.send_held()
            self.send_now(data, flags)

    def send_now(self, data: Any, flags: int = 0) -> None:
        rest = memoryview(data)
        while True:
            try:
                sent = super().send(rest, flags | AT_ONCE)
            except BlockingIOError:
                if self.limit == 0:
                    raise
                self.wait_to_send()
                continue
            self.sent += sent
            if sent == len(rest):
                return
            rest = rest[sent:]

    def wait_to_send(self) -> None:
        started, taken = monotonic(), self.taken()
        wait(self, select.POLLOUT, min(STEP, self.seconds_to_take))
        left = self.seconds_to_take - (monotonic() - started)
        self.seconds_to_take = refilled(left, self.taken() - taken)
        if self.gave_up():
            # Closing resets, or the kernel would keep what was not read for minutes.
            self.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise TimeoutError("the client reads too slowly")

    def gave_up(self) -> bool:
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
    waiting = select.poll()
    waiting.register(sock, event)
    return bool(waiting.poll(max(0, seconds) * 1000))  # a negative timeout would wait for ever
