"""A peer that says nothing is not waited for without end."""

import struct
import time
from collections.abc import Iterator
from dataclasses import replace

import psycopg2
import pytest
from flask import Flask

from config import Config
from tests.wire import Proxy
from todo_api import create_app, db, watchdog


@pytest.fixture
def stalling(config: Config, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Flask, Proxy]]:
    """The service behind a proxy that can be told to stop forwarding."""
    monkeypatch.setattr(watchdog, "INTERVAL", 0.05)
    monkeypatch.setattr(db, "GRACE", 0.2)
    with Proxy(config.database_url) as proxy:
        app = create_app(
            replace(config, database_url=proxy.url, pool_size=1, statement_timeout=0.2)
        )
        yield app, proxy
        app.extensions["engine"].dispose()


def test_silent_peer_ends_in_503_and_the_next_request_connects_anew(
    stalling: tuple[Flask, Proxy],
) -> None:
    app, proxy = stalling
    client = app.test_client()
    assert client.get("/ready").status_code == 200
    proxy.flowing.clear()
    started = time.monotonic()
    answer = client.get("/ready")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert time.monotonic() - started < 5
    proxy.flowing.set()
    assert client.get("/ready").status_code == 200
    assert watchdog.deadlines == {}


def test_connection_that_closed_meanwhile_does_not_end_the_watch(
    stalling: tuple[Flask, Proxy], database_url: str
) -> None:
    closed = psycopg2.connect(database_url.replace("+psycopg2", ""))
    closed.close()
    watchdog.expect_answer(closed, -1)
    while watchdog.deadlines:
        time.sleep(0.01)
    test_silent_peer_ends_in_503_and_the_next_request_connects_anew(stalling)


def test_ping_of_a_silent_peer_ends_too(stalling: tuple[Flask, Proxy]) -> None:
    app, proxy = stalling
    client = app.test_client()
    assert client.get("/ready").status_code == 200
    proxy.clients[-1].sendall(b"N" + struct.pack(">i", 17) + b"SNOTICE\0Mhm\0\0")
    proxy.flowing.clear()
    assert client.get("/ready").status_code == 503
    proxy.flowing.set()
    assert client.get("/ready").status_code == 200
