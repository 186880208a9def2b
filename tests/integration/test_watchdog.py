"""A wait for a silent peer is bounded."""

import errno
import socket
import struct
import sys
from collections.abc import Iterator

import psycopg2
import pytest
from flask import Flask
from sqlalchemy import make_url

from tests import ROOT
from tests.support.client import Client, MakeApp
from tests.support.processes import run
from tests.support.waiting import LIMIT, wait_until
from tests.support.wire import Proxy
from todo_api.config import Config
from todo_api.database import dialect, watchdog

# Wait for a response that never arrives, with no free descriptor.
EXHAUSTED = """
import os, resource, sys
import psycopg2
from todo_api.database import watchdog

connection = psycopg2.connect(sys.argv[1])
watchdog.watch_in_background()
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
try:
    while True:
        os.dup(0)
except OSError:
    pass
watchdog.expect_response(connection, 0.1)
try:
    connection.cursor().execute("SELECT 1")
except psycopg2.OperationalError:
    print("ended")
"""


class Interrupted:
    """A connection whose socket cannot be opened on the watchdog's first attempt."""

    def __init__(self, peer: socket.socket) -> None:
        self.peer = peer
        self.attempts = 0

    def fileno(self) -> int:
        self.attempts += 1
        if self.attempts == 2:
            raise OSError(errno.ENOBUFS, "No buffer space available")
        return self.peer.fileno()


class Closed:
    """A connection that libpq has closed when the watchdog looks. Another has its descriptor."""

    def __init__(self, *sockets: socket.socket) -> None:
        self.sockets = list(sockets)

    def fileno(self) -> int:
        return self.sockets.pop(0).fileno()


@pytest.fixture
def stalling(
    config: Config, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Flask, Proxy]]:
    """The service behind a proxy that can stop forwarding."""
    monkeypatch.setattr(watchdog, "INTERVAL", 0.05)
    monkeypatch.setattr(dialect, "NETWORK_GRACE", 1)
    with Proxy(config.database_url) as proxy:
        url = make_url(proxy.url).update_query_dict({"connect_timeout": "4"})
        yield (
            make_app(database_url=url.render_as_string(False), pool_size=1, statement_timeout=1),
            proxy,
        )


def test_silent_peer_is_a_503_and_the_next_request_reconnects(
    stalling: tuple[Flask, Proxy],
) -> None:
    assert_silence_is_a_503(*stalling)


def assert_silence_is_a_503(app: Flask, proxy: Proxy) -> None:
    client = Client(app)
    assert client.get("/ready").status_code == 200
    proxy.flowing.clear()
    response = client.get("/ready")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    proxy.flowing.set()
    assert client.get("/ready").status_code == 200
    wait_until(lambda: not watchdog.deadlines, "a connection is still watched")


def test_watchdog_survives_a_connection_that_closed(
    stalling: tuple[Flask, Proxy], database_url: str
) -> None:
    closed = psycopg2.connect(database_url.replace("+psycopg2", ""))
    watchdog.expect_response(closed, 60)
    closed.close()
    watchdog.expect_response(closed, -1)
    wait_until(lambda: not watchdog.deadlines, "the watchdog ended")
    assert_silence_is_a_503(*stalling)


@pytest.mark.long
def test_ping_of_a_silent_peer_times_out(stalling: tuple[Flask, Proxy]) -> None:
    app, proxy = stalling
    client = Client(app)
    assert client.get("/ready").status_code == 200
    proxy.clients[-1].sendall(b"N" + struct.pack(">i", 17) + b"SNOTICE\0Mhm\0\0")
    proxy.flowing.clear()
    assert client.get("/ready").status_code == 503
    proxy.flowing.set()
    assert client.get("/ready").status_code == 200


def test_watchdog_works_without_a_free_descriptor(config: Config) -> None:
    with Proxy(config.database_url) as proxy:
        proxy.asking.clear()
        url = proxy.url.replace("+psycopg2", "")
        done = run([sys.executable, "-c", EXHAUSTED, url], cwd=ROOT)
    assert done.stdout == "ended\n", done.stderr


def test_failed_socket_shutdown_is_retried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watchdog, "INTERVAL", 0.05)
    ours, peer = socket.socketpair()
    with ours, peer:
        connection = Interrupted(ours)
        watchdog.expect_response(connection, -1)
        peer.settimeout(LIMIT)
        assert peer.recv(1) == b""
        assert connection.attempts == 3
    wait_until(lambda: not watchdog.deadlines, "the connection is still watched")


def test_socket_of_another_connection_is_not_shut_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "INTERVAL", 0.05)
    (ours, ours_end), (other, other_end) = socket.socketpair(), socket.socketpair()
    with ours, ours_end, other, other_end:
        watchdog.expect_response(Closed(ours, other), -1)
        wait_until(lambda: not watchdog.deadlines, "the connection is still watched")
        other.sendall(b"x")
        assert other_end.recv(1) == b"x"
        other.close()
        assert other_end.recv(1) == b""  # no copy of it is left open
