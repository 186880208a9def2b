"""gunicorn sends the metrics of its requests to a statsd server, if it has the address of one."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import measured
from tests.support.serving import Server, ask
from tests.support.waiting import LIMIT, wait_until
from todo_api.config import Config

METRIC = re.compile(r"todo\.(gunicorn\.[\w.]+):([\d.]+)\|(c\|@1\.0|ms|g)")


@pytest.fixture
def statsd() -> Iterator[socket.socket]:
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(LIMIT)
        yield server


def serve(folder: Path, config: Config, statsd: str) -> Server:
    options = f"--statsd-host={statsd} --statsd-prefix=todo"
    environ = measured() | {"GUNICORN_CMD_ARGS": options}
    return Server(folder / "log", config.database_url, **environ)


def address(server: socket.socket) -> str:
    host, port = server.getsockname()
    return f"{host}:{port}"


def receive(server: socket.socket, count: int) -> dict[str, list[float]]:
    """Return the values of each metric until ``count`` requests and the workers are counted."""
    found: dict[str, list[float]] = {"gunicorn.workers": []}
    while (
        not found["gunicorn.workers"]
        or sum(len(found[name]) for name in found if ".status." in name) < count
    ):
        metric = METRIC.fullmatch(server.recv(1024).decode())
        assert metric
        found.setdefault(metric[1], []).append(float(metric[2]))
    return found


def test_requests_are_counted_and_measured(
    config: Config, tmp_path: Path, statsd: socket.socket
) -> None:
    with serve(tmp_path, config, address(statsd)) as server:
        for path in ("/health", "/health", "/api/tasks?q=hush"):
            ask(server.connect(), "GET", path, "none")
        found = receive(statsd, 3)
        assert found.pop("gunicorn.workers") == [1]
        durations = found.pop("gunicorn.request.duration")
        assert {name: sum(values) for name, values in found.items()} == {
            "gunicorn.requests": 3,
            "gunicorn.request.status.200": 2,
            "gunicorn.request.status.401": 1,
        }
        assert len(durations) == 3
        assert {line["level"] for line in server.lines()} == {"INFO"}


def test_lost_metrics_are_logged_once_a_minute(
    config: Config, tmp_path: Path, statsd: socket.socket
) -> None:
    with serve(tmp_path, config, address(statsd)) as server:
        statsd.close()
        connection = server.connect()

        def lost() -> list[str]:
            assert ask(connection, "GET", "/health", "")[0].status == 200
            return [line["event"] for line in server.lines() if "statsd" in line["event"]]

        wait_until(lost, "no lost metric is logged")
        for _ in range(5):
            assert lost() == ["Error sending message to statsd"]


def test_address_without_a_server_is_logged(config: Config, tmp_path: Path) -> None:
    with serve(tmp_path, config, f"unix://{tmp_path}/absent") as server:
        assert ask(server.connect(), "GET", "/health", "")[0].status == 200
        errors = [line["event"] for line in server.lines() if line["level"] == "ERROR"]
    assert errors == ["No metrics are sent. Check the address that --statsd-host has."]
