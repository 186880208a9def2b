"""Strangers at the HTTP edge: they get no thread, no descriptor and no memory for long."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from config import Config
from tests.conftest import Token
from tests.serving import Server
from tests.strangers import (
    BUNDLE,
    get,
    keep_asking,
    open_socket,
    seconds_of_health,
    silent_readers,
    worker_memory,
)

CHUNKED = "Transfer-Encoding: chunked"
LARGEST = [f"X-{n}: {'x' * 8_000}" for n in range(60)]


@pytest.fixture(scope="module")
def served(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("edge") / "log", config.database_url) as server:
        yield server
    assert not [line for line in server.lines() if line["level"] in ("ERROR", "CRITICAL")]


def test_24_clients_that_do_not_read_are_given_up(served: Server) -> None:
    with silent_readers(served, 24, BUNDLE * 4):
        assert seconds_of_health(served) < 25


@pytest.mark.parametrize(
    "request_",
    [get("/health", "Connection: close"), get("/health", CHUNKED), b"nonsense\r\n\r\n"],
    ids=["read", "refused", "malformed"],
)
def test_clients_that_keep_their_end_open_hold_up_nobody(served: Server, request_: bytes) -> None:
    with keep_asking(served, request_, 60):
        for _ in range(4):
            time.sleep(0.5)
            assert seconds_of_health(served) < 1


@pytest.mark.parametrize(
    ("header", "status"), [(CHUNKED, b"411"), ("Content-Length: 9000000", b"413")]
)
def test_client_that_is_still_sending_sees_the_response(
    served: Server, header: str, status: bytes
) -> None:
    with open_socket(served) as connection:
        connection.sendall(get("/api/tasks", header).replace(b"GET", b"POST"))
        for _ in range(10):
            time.sleep(0.1)
            connection.sendall(b"x" * 50_000)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 " + status)


def test_client_that_sends_on_and_on_is_reset(served: Server) -> None:
    with open_socket(served) as connection:
        connection.sendall(get("/api/tasks", CHUNKED))
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            connection.sendall(b"x" * 20_000_000)


def test_trickling_sender_is_given_up(served: Server) -> None:
    started = time.monotonic()
    with open_socket(served) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nX: ")
        connection.settimeout(0.5)
        while time.monotonic() - started < 20:
            connection.sendall(b"x")
            try:
                assert connection.recv(1) == b""
                break
            except TimeoutError:
                pass
    assert time.monotonic() - started < 15


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


@pytest.mark.parametrize("options", ["", "--worker-connections 1000"], ids=["bound", "unbound"])
def test_more_connections_than_descriptors_do_not_end_a_worker(
    config: Config, tmp_path: Path, options: str
) -> None:
    arguments = {"GUNICORN_CMD_ARGS": options}
    with (
        Server(tmp_path / "log", config.database_url, descriptors=256, **arguments) as server,
        ExitStack() as held,
    ):
        for _ in range(600):
            held.enter_context(open_socket(server)).sendall(get("/health"))
        assert seconds_of_health(server) < 5
        lines = server.lines()
    assert len([line for line in lines if line["event"].startswith("Booting worker")]) == 1
    refused = [line for line in lines if line["event"].startswith("Cannot accept")]
    assert bool(refused) == bool(options)
