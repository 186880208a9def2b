"""Strangers at the HTTP edge: they get no thread, no descriptor and no memory for long."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.serving import Server
from tests.support.strangers import (
    get,
    open_socket,
    seconds_of_health,
)
from todo_api.config import Config

CHUNKED = "Transfer-Encoding: chunked"


@pytest.fixture(scope="module")
def served(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("edge") / "log", config.database_url) as server:
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
            time.sleep(0.1)
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
    arguments = {"GUNICORN_CMD_ARGS": options}
    with (
        Server(tmp_path / "log", config.database_url, 256, **arguments) as server,
        ExitStack() as held,
    ):
        for _ in range(600):
            held.enter_context(open_socket(server)).sendall(get("/health"))
        seconds_of_health(server)  # it answers
        lines = server.lines()
    assert len([line for line in lines if line["event"].startswith("Booting worker")]) == 1
    refused = [line for line in lines if line["event"].startswith("Cannot accept")]
    assert bool(refused) == bool(options)
