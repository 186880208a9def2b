"""Clients without a token hold no thread, no descriptor and no memory for long."""

import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Barrier, Event

import psutil
import pytest

from tests import ROOT
from tests.support.client import Token
from tests.support.processes import measured
from tests.support.raw_http import exchange, get, head, open_socket, seconds_of_health
from tests.support.serving import Server, ask
from tests.support.waiting import LIMIT, wait_until
from todo_api.config import Config
from todo_api.limits import MAX_BODY_BYTES

CHUNKED = "Transfer-Encoding: chunked"


@pytest.fixture(scope="module")
def served(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("edge") / "log"
    with Server(log, config.database_url, **measured()) as server:
        yield server
    assert not [line for line in server.lines() if line["level"] in ("ERROR", "CRITICAL")]


@pytest.mark.parametrize(
    ("header", "status"), [(CHUNKED, b"411"), ("Content-Length: 9000000", b"413")]
)
def test_client_that_is_still_sending_sees_the_response(
    served: Server, header: str, status: bytes
) -> None:
    with open_socket(served) as connection:
        connection.sendall(get("/api/tasks", header).replace(b"GET", b"POST"))
        for _ in range(10):
            time.sleep(0.02)
            connection.sendall(b"x" * 50_000)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 " + status)


def test_client_that_sends_on_and_on_is_reset(served: Server) -> None:
    with open_socket(served) as connection:
        connection.sendall(get("/api/tasks", CHUNKED))
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            connection.sendall(b"x" * 20_000_000)


@pytest.mark.parametrize("options", ["", "--worker-connections 1000"], ids=["bound", "unbound"])
def test_more_connections_than_descriptors_do_not_end_a_worker(
    config: Config, tmp_path: Path, options: str
) -> None:
    environ = measured() | {"GUNICORN_CMD_ARGS": options}
    with (
        Server(tmp_path / "log", config.database_url, 256, **environ) as server,
        ExitStack() as held,
    ):
        for _ in range(600):
            held.enter_context(open_socket(server)).sendall(get("/health"))
        seconds_of_health(server)  # it answers
        lines = server.lines()
    assert len([line for line in lines if line["event"].startswith("Booting worker")]) == 1
    refused = [line for line in lines if line["event"].startswith("Cannot accept")]
    assert bool(refused) == bool(options)


@pytest.mark.skipif(sys.platform != "linux", reason="macOS has no TCP_DEFER_ACCEPT")
def test_silent_connections_hold_no_thread(served: Server) -> None:
    with ExitStack() as held:
        silent = set()
        for _ in range(100):
            connection = socket.create_connection(("127.0.0.1", served.port), timeout=LIMIT)
            silent.add(held.enter_context(connection).getsockname())
        client = served.connect()
        assert ask(client, "GET", "/health", "")[0].status == 200
        client.close()
        (worker,) = psutil.Process(served.process.pid).children()
        assert not silent & {each.raddr for each in worker.net_connections()}


def test_half_sent_heads_hold_no_thread(served: Server) -> None:
    """There are more of them than threads. Each is served when it is whole, or ended in time."""
    with ExitStack() as held:
        half_sent = [held.enter_context(open_socket(served)) for _ in range(40)]
        for connection in half_sent:
            connection.sendall(b"GET /health HTTP/1.1\r\n")
        *_, whole, large, gone, slow = half_sent  # threads wait for the first ones
        seconds_of_health(served)  # it answers
        gone.shutdown(socket.SHUT_WR)
        assert gone.recv(100) == b""
        large.sendall(b"Host: x\r\nX: " + b"x" * 40_000 + b"\r\n\r\n")
        assert large.recv(100).startswith(b"HTTP/1.1 4")
        whole.sendall(b"Host: x\r\nConnection: close\r\n\r\n")
        assert whole.recv(100).startswith(b"HTTP/1.1 200")
        slow.settimeout(0.2)

        def is_ended() -> bool:
            with suppress(TimeoutError):
                slow.sendall(b"X")
                return slow.recv(100) == b""
            return False

        wait_until(is_ended, "a client that sends its head byte by byte is not ended")


def test_busy_connections_do_not_starve_other_clients(served: Server) -> None:
    """Each busy client pipelines its requests, and there is one for each thread."""
    request = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    others = 2 * Config.pool_size
    all_busy, stop = Barrier(others + 1, timeout=LIMIT), Event()

    def keep_sending() -> None:
        with socket.create_connection(("127.0.0.1", served.port), timeout=LIMIT) as connection:
            connection.sendall(request * 200)
            connection.sendall(request * connection.recv(65_536).count(b"200 OK"))
            all_busy.wait()
            while not stop.is_set():
                connection.sendall(request * connection.recv(65_536).count(b"200 OK"))

    with ThreadPoolExecutor(others) as clients:
        busy = [clients.submit(keep_sending) for _ in range(others)]
        all_busy.wait()
        try:
            for _ in range(10):
                client = served.connect()
                assert ask(client, "GET", "/health", "")[0].status == 200
                client.close()
        finally:
            stop.set()
    for client_done in busy:
        client_done.result()


def test_half_closed_connections_do_not_block_a_worker(served: Server) -> None:
    with ExitStack() as held:
        for _ in range(LIMIT):  # gunicorn alone takes 2 s for each, one by one
            connection = socket.create_connection(("127.0.0.1", served.port), timeout=LIMIT)
            held.enter_context(connection)
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        client = served.connect()
        assert ask(client, "GET", "/health", "")[0].status == 200
        client.close()


@pytest.mark.parametrize(
    ("length", "connection"), [(65_535, "keep-alive"), (65_536, "close"), (MAX_BODY_BYTES, "close")]
)
def test_connection_with_a_large_unread_body_is_announced_to_close(
    served: Server, length: int, connection: str
) -> None:
    request = head("not-a-token", f"Content-Length: {length}") + b" " * length
    request += get("/health", "Connection: close")
    status, headers, body = exchange(served, request)
    assert (status, body.count(b"HTTP/1.1 200")) == (401, connection == "keep-alive")
    assert f"\r\nConnection: {connection}" in headers


@pytest.mark.parametrize(
    "fields", [["close"], ["TE, close"], ["Close , x"], ["keep-alive", "close"], ["close", "TE"]]
)
def test_connection_closes_when_the_client_asks_for_it(
    served: Server, token: Token, user: str, fields: list[str]
) -> None:
    request = head(token(user), *(f"Connection: {field}" for field in fields))
    _, headers, body = exchange(served, request + get("/health"))
    assert "\r\nConnection: close" in headers
    assert b"HTTP/1.1" not in body


def test_unread_body_is_not_parsed_as_a_request(served: Server) -> None:
    smuggled = get("/ready")
    request = head("not-a-token", f"Content-Length: {len(smuggled)}") + smuggled
    request += get("/health", "Connection: close")
    status, _, body = exchange(served, request)
    assert status == 401
    assert body.count(b"HTTP/1.1 ") == 1
    assert body.rpartition(b"\r\n\r\n")[2].startswith(b'{"status":"ok"')


HALF = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "8")] if environ["PATH_INFO"] == "/known" else [])
    yield b"half"
    raise RuntimeError
"""


def test_response_that_fails_halfway_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    settings = f"import runpy; globals().update(runpy.run_path({str(ROOT / 'gunicorn.conf.py')!r}))"
    (tmp_path / "gunicorn.conf.py").write_text(f'{settings}; wsgi_app = "half:app"')
    (tmp_path / "half.py").write_text(HALF)
    environ = measured() | {"PYTHONPATH": str(ROOT)}
    with Server(tmp_path / "log", "postgresql://host/db", 0, 0, tmp_path, **environ) as server:
        assert exchange(server, get("/known"))[2] == b"half"
        assert exchange(server, get("/unknown"))[2] == b"4\r\nhalf\r\n"
