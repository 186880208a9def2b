"""How long clients without a token can delay others: the figures that SECURITY.md states."""

import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from http.client import HTTPConnection
from itertools import count
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from tests.support.client import Token
from tests.support.raw_http import (
    BUNDLE,
    get,
    keep_asking,
    open_socket,
    read_slowly,
    seconds_of_health,
    silent_readers,
    usual_seconds,
    worker_memory,
)
from tests.support.serving import Server
from tests.support.waiting import LIMIT, wait_until
from todo_api.config import Config

LARGEST = [f"X-{n}: {'x' * 8_000}" for n in range(60)]
POST_CUT_SHORT = b'POST /api/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n\r\n{"t'
READER = 8 * 1024  # bytes a second


@pytest.fixture(scope="module")
def served(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("edge") / "log", config.database_url) as server:
        yield server
    assert not [line for line in server.lines() if line["level"] in ("ERROR", "CRITICAL")]


def with_large_page(config: Config, user: str, token: Token) -> str:
    """Return the token of a user with a page of 4 MB."""
    engine = sa.create_engine(config.database_url.replace("postgresql:", "postgresql+psycopg2:"))
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO tasks (user_id, title, description)"
                " SELECT :user, 'x', repeat('x', 10000) FROM generate_series(1, 400)"
            ),
            {"user": user},
        )
    engine.dispose()
    return token(user)


@pytest.fixture
def signed(config: Config, user: str, token: Token) -> str:
    return with_large_page(config, user, token)


@pytest.fixture(params=["asset", "page"])
def requests(
    request: pytest.FixtureRequest, config: Config, user: str, token: Token
) -> list[bytes]:
    """A file, or the pages of eight users, as one user may not hold all threads."""
    if request.param == "asset":
        return [BUNDLE]
    tokens = [with_large_page(config, f"{user}-{number}", token) for number in range(8)]
    return [get("/api/tasks?limit=500", f"Authorization: Bearer {signed}") for signed in tokens]


@pytest.mark.parametrize(("clients", "most"), [(24, 25), (100, 60)])
def test_silent_readers_are_given_up(
    served: Server, requests: list[bytes], clients: int, most: int
) -> None:
    usual = usual_seconds(served)
    slowest = 0.0
    with silent_readers(served, clients, requests):
        for _ in range(10):  # until all threads send, which takes long on a busy machine
            slowest = max(slowest, seconds_of_health(served))
            time.sleep(0.5)
    print(f"{clients} silent: {slowest:.1f} s")  # noqa: T201 the figure
    assert slowest < most + 20 * usual


def test_slow_but_steady_reader_gets_its_page_beside_silent_ones(
    served: Server, signed: str, requests: list[bytes]
) -> None:
    page = get("/api/tasks?limit=30", f"Authorization: Bearer {signed}", "Connection: close")
    with open_socket(served, 4096) as connection, silent_readers(served, 24, requests):
        connection.sendall(page)
        connection.settimeout(LIMIT)
        assert read_slowly(connection, 10_000_000, READER) > 300_000


def test_slow_but_steady_reader_of_a_large_page_is_not_given_up(
    served: Server, signed: str
) -> None:
    page = get("/api/tasks?limit=400", f"Authorization: Bearer {signed}")
    with ExitStack() as held, ThreadPoolExecutor(3) as clients:
        readers = []
        for buffer in (4096, 65_536, 0):
            connection = held.enter_context(open_socket(served, buffer))
            connection.sendall(page)
            readers.append(clients.submit(read_slowly, connection, 60 * READER, READER))
        assert [reader.result() for reader in readers] == [60 * READER] * 3


@pytest.mark.parametrize(("rate", "most"), [(30, 10), (60, 20)])
@pytest.mark.parametrize(
    "request_",
    [
        get("/health", "Connection: close"),
        get("/health", "Connection: close") + b"GET",
        get("/health", "Content-Length: 10", "Connection: close"),
        get("/health", "Transfer-Encoding: chunked"),
        get("/health", "Content-Length: 9999999"),
        b"nonsense\r\n\r\n",
    ],
    ids=["read", "more", "short", "411", "413", "400"],
)
def test_clients_that_keep_their_end_open_hold_up_nobody(
    served: Server, request_: bytes, rate: int, most: int
) -> None:
    """If each kept a thread for `LINGER`, the last would wait for 16 s and 40 s."""
    usual = usual_seconds(served)
    with keep_asking(served, request_, rate):
        slowest = 0.0
        for _ in range(16):
            slowest = max(slowest, seconds_of_health(served))
            assert slowest < most + 20 * usual
            time.sleep(0.5)
    print(f"{rate} a second: {slowest:.2f} s")  # noqa: T201 the figure


def test_connections_that_never_send_anything_hold_up_nobody(served: Server) -> None:
    """The kernel gives them to the worker after half a minute: more than it may have open."""
    usual = usual_seconds(served)
    with ExitStack() as held:
        for _ in range(1100):
            held.enter_context(open_socket(served))
        slowest = 0.0
        for _ in range(70):
            slowest = max(slowest, seconds_of_health(served))
            time.sleep(1)
    print(f"1100 silent: {slowest:.2f} s")  # noqa: T201 the figure
    assert slowest < 20 + 20 * usual


def test_half_sent_heads_hold_up_nobody(served: Server) -> None:
    """There are 20 threads. None waits for the rest of a head, so these are all still open."""
    with ExitStack() as held:
        half_sent = [held.enter_context(open_socket(served)) for _ in range(200)]
        for connection in half_sent:
            connection.sendall(b"GET /health HTTP/1.1\r\nHo")
        print(f"200 half-sent: {seconds_of_health(served):.2f} s")  # noqa: T201 the figure
        for connection in half_sent[100:]:
            connection.setblocking(False)
            with pytest.raises(BlockingIOError):
                connection.recv(1)
        connection.setblocking(True)
        connection.sendall(b"st: x\r\nConnection: close\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("others", [0, 20])
def test_trickling_sender_is_given_up(served: Server, others: int) -> None:
    with ExitStack() as held, open_socket(served) as connection:
        for _ in range(others):
            held.enter_context(open_socket(served)).sendall(b"GET")
        connection.sendall(b"GET /health HTTP/1.1\r\nX: ")
        connection.settimeout(0.5)

        def is_closed() -> bool:
            connection.sendall(b"x")
            with suppress(TimeoutError):
                return connection.recv(1) == b""
            return False

        wait_until(is_closed, "it is not given up")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET /nope", 404),
        ("DELETE /health", 405),
        ("OPTIONS /nope", 204),
    ],
)
def test_large_headers_do_not_pile_up(
    config: Config, tmp_path: Path, line: str, status: int
) -> None:
    request = "\r\n".join([f"{line} HTTP/1.1", "Host: x", *LARGEST, "Connection: close", "", ""])
    if status == 204:
        request = request.replace("X-0: ", "Access-Control-Request-Method: GET\r\nY: ", 1)
    assert growth(config, tmp_path, request.encode(), status) < 60


@pytest.mark.parametrize(
    "body",
    [b'{"zz": "' + b"x" * 131_062 + b'"}', b'{"title": "' + b"x" * 131_059 + b'"}'],
    ids=["unknown", "too long"],
)
def test_refused_bodies_do_not_pile_up(
    config: Config, tmp_path: Path, token: Token, body: bytes
) -> None:
    head = ["POST /api/tasks HTTP/1.1", "Host: x", "Content-Type: application/json"]
    head += [f"Authorization: Bearer {token('user')}", f"Content-Length: {len(body)}"]
    request = "\r\n".join([*head, "Connection: close", "", ""]).encode() + body
    assert growth(config, tmp_path, request, 400) < 60


def growth(config: Config, folder: Path, request: bytes, status: int) -> float:
    """Return by how many MiB a new worker grows with 300 requests."""
    with Server(folder / "log", config.database_url) as server:
        seconds_of_health(server)
        before = worker_memory(server)
        for _ in range(300):
            with open_socket(server) as connection:
                connection.sendall(request)
                assert connection.recv(65_536).startswith(b"HTTP/1.1 %d" % status)
        grown = worker_memory(server) - before
        print(f"{before:.0f} MiB, {grown:+.0f} MiB")  # noqa: T201 the figure
        return grown


@pytest.mark.parametrize("sent", [b"GET /health HTTP/1.1\r\nHo", POST_CUT_SHORT])
def test_client_that_stops_sending_is_disconnected(served: Server, sent: bytes) -> None:
    with open_socket(served) as connection:
        connection.settimeout(LIMIT)
        connection.sendall(sent)
        while connection.recv(65_536):
            pass


def test_stopping_instance_answers_or_refuses_every_connection(
    config: Config, tmp_path: Path
) -> None:
    """As behind nginx, which does not ask `/ready`: new connections come until the end."""
    with Server(tmp_path / "log", config.database_url, WEB_CONCURRENCY="2") as server:

        def send_until_refused() -> int:
            for answered in count():
                try:
                    connection = HTTPConnection("127.0.0.1", server.port, timeout=LIMIT)
                    connection.request("GET", "/health", headers={"Connection": "close"})
                except ConnectionRefusedError:
                    return answered
                assert connection.getresponse().status == 200
            return 0

        with ThreadPoolExecutor(8) as clients:
            running = [clients.submit(send_until_refused) for _ in range(8)]
            wait_until(lambda: server.log.read_text().count("/health") > 50, "nothing is served")
            server.process.terminate()
            assert all(client.result(LIMIT) for client in running)
        assert server.process.wait(LIMIT) == 0


def test_instance_that_has_handed_over_its_socket_leaves_it_open(
    config: Config, tmp_path: Path
) -> None:
    """gunicorn's upgrade: SIGUSR2 starts a new one on the same socket, then the old one ends."""
    with Server(tmp_path / "log", config.database_url) as server:
        server.process.send_signal(signal.SIGUSR2)
        booted = re.compile(r"Booting worker")
        wait_until(lambda: len(booted.findall(server.log.read_text())) == 2, "no new instance")
        (successor,) = (
            child for child in psutil.Process(server.process.pid).children() if child.children()
        )
        try:
            server.process.terminate()
            assert server.process.wait(LIMIT) == 0
            seconds_of_health(server)  # the successor answers
        finally:
            successor.terminate()
            successor.wait(LIMIT)
