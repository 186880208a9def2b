"""HTTP over plain sockets, for clients that send and read as no library does."""

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice
from threading import Event, Thread

import psutil

from tests.support.serving import Endpoint, Server, ask
from tests.support.waiting import LIMIT

BUNDLE = b"GET /docs/assets/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


def seconds_of_health(server: Endpoint) -> float:
    """Ask for /health on a new connection, and return how long the response took."""
    connection = server.connect()
    started = time.monotonic()
    assert ask(connection, "GET", "/health", "")[0].status == 200
    connection.close()
    return time.monotonic() - started


def usual_seconds(server: Endpoint) -> float:
    """Return how long a response takes on this machine, at most, while nothing is wrong."""
    return max(seconds_of_health(server) for _ in range(5))


def open_socket(server: Endpoint, receive_buffer: int = 0) -> socket.socket:
    connection = socket.socket()
    connection.settimeout(LIMIT)
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect(("127.0.0.1", server.port))
    return connection


def exchange(served: Server, request: bytes, *, cut: bool = False) -> tuple[int, str, bytes]:
    """Send bytes and read until the end. Return the status code, the headers and the body."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
        connection.sendall(request)
        if cut:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65_536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode(), body


def head(token: str, *headers: str, line: str = "POST /api/tasks HTTP/1.1") -> bytes:
    lines = (line, "Host: localhost", f"Authorization: Bearer {token}")
    return "\r\n".join([*lines, "Content-Type: application/json", *headers, "", ""]).encode()


@contextmanager
def silent_readers(server: Server, count: int, requests: Sequence[bytes]) -> Iterator[None]:
    """Clients that ask four times and read nothing. Each sends the next of the requests."""
    with ExitStack() as held:
        for request in islice(cycle(requests), count):
            connection = held.enter_context(open_socket(server, 4096))
            connection.sendall(request * 4)
        time.sleep(0.5)
        yield


def read_slowly(connection: socket.socket, size: int, rate: int) -> int:
    """Read ``size`` bytes at a steady rate; return how many came."""
    received = 0
    while received < size:
        chunk = connection.recv(min(rate // 10, size - received))
        if not chunk:
            break
        received += len(chunk)
        time.sleep(len(chunk) / rate)
    return received


@contextmanager
def keep_asking(server: Server, request: bytes, rate: int) -> Iterator[None]:
    """Send ``request`` on a new connection ``rate`` times a second, and keep every one open."""
    ending = Event()

    def run() -> None:
        with ExitStack() as held:
            while not ending.wait(1 / rate):
                held.enter_context(open_socket(server)).sendall(request)

    thread = Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(LIMIT)


def worker_memory(server: Server) -> float:
    """Return the resident MiB of the only worker."""
    (worker,) = psutil.Process(server.process.pid).children()
    return float(worker.memory_info().rss) / 2**20
