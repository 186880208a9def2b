"""Each request sends one message to PostgreSQL and leaves no state in the connection."""

import os
import resource
from collections.abc import Iterator
from contextlib import ExitStack
from select import select
from typing import Any

import psycopg2.extensions
import pytest
import sqlalchemy as sa
from flask import Flask

from config import Config, ConfigError
from tests.support.client import Client, MakeApp, Token
from tests.support.waiting import wait_until
from tests.support.wire import Proxy
from todo_api.db import CONNECTION_DEFAULTS, resolve_url

TIMEOUT = "SET LOCAL statement_timeout = 5000; "


@pytest.fixture
def wired(
    config: Config, make_app: MakeApp, token: Token, user: str
) -> Iterator[tuple[Client, Proxy]]:
    """A client of a service with an open connection, and the proxy that records it."""
    with Proxy(config.database_url) as proxy:
        client = Client(make_app(database_url=proxy.url, pool_size=1), token(user))
        assert client.get("/api/tasks").status_code == 200
        proxy.messages.clear()
        yield client, proxy


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "verb"),
    [
        ("GET", "/api/tasks", None, 200, "SELECT"),
        ("GET", "/api/tasks?status=active&limit=1", None, 200, "SELECT"),
        (
            "GET",
            "/api/tasks?q=x&priority=low&priority=high&tag=a&sort=-due_date",
            None,
            200,
            "SELECT",
        ),
        ("GET", "/api/tasks/stats?due_after=2026-01-01", None, 200, "WITH"),
        ("PATCH", "/api/tasks", {"ids": [1, 2], "changes": {"title": "y"}}, 200, "UPDATE"),
        ("PATCH", "/api/tasks", {"ids": [1, 2], "changes": {"completed": True}}, 200, "UPDATE"),
        ("PATCH", "/api/tasks", {"ids": [1, 2], "changes": {}}, 200, "SELECT"),
        ("DELETE", "/api/tasks?status=completed", None, 200, "DELETE"),
        ("POST", "/api/tasks", {"title": "x"}, 201, "INSERT"),
        ("GET", "/api/tasks/{}", None, 200, "SELECT"),
        ("PATCH", "/api/tasks/{}", {"title": "y"}, 200, "UPDATE"),
        ("PATCH", "/api/tasks/{}", {}, 200, "SELECT"),
        ("PUT", "/api/tasks/{}", {"description": "y"}, 200, "UPDATE"),
        ("PATCH", "/api/tasks/{}/complete", None, 200, "UPDATE"),
        ("PATCH", "/api/tasks/{}/complete", {"completed": True}, 200, "UPDATE"),
        ("DELETE", "/api/tasks/{}", None, 204, "DELETE"),
        ("GET", f"/api/tasks/{2**62}", None, 404, "SELECT"),
        ("DELETE", f"/api/tasks/{2**62}", None, 404, "DELETE"),
    ],
)
def test_request_is_one_statement_in_one_message(
    wired: tuple[Client, Proxy], method: str, path: str, body: Any, status: int, verb: str
) -> None:
    client, proxy = wired
    task = client.post("/api/tasks", json={"title": "x"}).json
    proxy.messages.clear()
    response = client.open(path.format(task["id"]), method=method, json=body)
    assert response.status_code == status
    ((kind, text),) = proxy.messages
    assert kind == "Q"
    assert text.startswith(TIMEOUT + verb)
    assert ";" not in text.removeprefix(TIMEOUT)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/api/tasks", {"ids": [1], "changes": {"title": "y"}}),
        ("PATCH", "/api/tasks", {"ids": [1], "changes": {"completed": True}}),
        ("DELETE", "/api/tasks?status=completed", None),
    ],
)
def test_bulk_statements_lock_rows_in_id_order(
    wired: tuple[Client, Proxy], method: str, path: str, body: Any
) -> None:
    """A plan may lock in this order by chance, so the statement must ask for it."""
    client, proxy = wired
    assert client.open(path, method=method, json=body).status_code == 200
    ((_, text),) = proxy.messages
    assert "ORDER BY tasks.id FOR UPDATE)" in text


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/health", {}, 200),
        ("GET", "/api/tasks", {"Authorization": ""}, 401),
        ("GET", "/api/tasks?limit=0", {}, 400),
        ("GET", "/api/tasks/0", {}, 404),
        ("OPTIONS", "/api/tasks", {"Access-Control-Request-Method": "GET"}, 204),
    ],
)
def test_rejected_request_sends_no_statement(
    wired: tuple[Client, Proxy],
    method: str,
    path: str,
    headers: dict[str, str],
    status: int,
) -> None:
    client, proxy = wired
    assert client.open(path, method=method, headers=headers).status_code == status
    assert proxy.messages == []


def test_timeout_ends_with_its_statement(make_app: MakeApp) -> None:
    engine = make_app(pool_size=1).extensions["engine"]
    with engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        show = sa.text("SHOW statement_timeout")
        assert connection.execute(show).scalar_one() == "5s"
        cursor = raw.cursor(cursor_factory=psycopg2.extensions.cursor)
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_database_url_keeps_its_parameters(scheme: str) -> None:
    url = resolve_url(
        f"{scheme}://u:p%40ss@ep-x-pooler.neon.tech/db"
        "?sslmode=require&channel_binding=require&options=endpoint%3Dep-x",
    )
    assert url.drivername == "postgresql+psycopg2"
    assert (url.username, url.password, url.host) == ("u", "p@ss", "ep-x-pooler.neon.tech")
    assert url.query == CONNECTION_DEFAULTS | {
        "sslmode": "require",
        "channel_binding": "require",
        "options": "endpoint=ep-x",
    }


@pytest.mark.parametrize("name", ["database_url", "database_url_unpooled"])
@pytest.mark.parametrize(
    "parameters", ["pgbouncer=true", "options=a&options=b", "client_encoding=latin1"]
)
def test_parameter_that_libpq_rejects_stops_startup(
    make_app: MakeApp, name: str, parameters: str
) -> None:
    url = f"postgresql://u:hunter2@host/db?{parameters}"
    with pytest.raises(
        ConfigError, match=rf"^{name.upper()} has a (duplicate )?parameter"
    ) as error:
        make_app(**{name: url})
    assert "hunter2" not in str(error.value)


def test_ping_works_with_a_descriptor_above_1023(make_app: MakeApp) -> None:
    """select() fails above 1023, and a worker may hold more clients than that."""
    client = Client(make_app())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as held:
        held.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2048)), hard))
        for _ in range(1_100):
            held.enter_context(open(os.devnull))
        for _ in range(2):
            assert client.get("/ready").status_code == 200


def test_pool_has_the_configured_limits(make_app: MakeApp) -> None:
    pool = make_app().extensions["engine"].pool
    assert (pool.size(), pool._max_overflow, pool._recycle, pool._timeout) == (10, 0, 3600, 5)
    assert pool._pre_ping


def test_connection_parameters_of_the_url_override_the_defaults(
    config: Config, make_app: MakeApp
) -> None:
    url = sa.make_url(config.database_url).update_query_dict(
        {"connect_timeout": "3", "application_name": "mine"}
    )
    other = make_app(database_url=url.render_as_string(hide_password=False))
    query = other.extensions["engine"].url.query
    assert (query["connect_timeout"], query["application_name"]) == ("3", "mine")
    default = make_app().extensions["engine"].url.query
    assert (default["connect_timeout"], default["client_encoding"]) == ("10", "utf8")
    assert query["tcp_user_timeout"] == "8000"


def test_timestamps_are_utc_whatever_the_database_time_zone(
    app: Flask, make_app: MakeApp, database_url: str, token: Token, user: str
) -> None:
    url = sa.make_url(database_url).update_query_dict({"options": "-c timezone=Asia/Kathmandu"})
    elsewhere = make_app(database_url=url.render_as_string(hide_password=False))
    created = Client(elsewhere, token(user)).post("/api/tasks", json={"title": "x"}).json
    assert Client(app, token(user)).get(f"/api/tasks/{created['id']}").json == created
    assert created["created_at"].endswith("Z")


def test_connection_with_an_unread_notification_is_kept(
    make_app: MakeApp, database_url: str
) -> None:
    """It is readable although the server did not hang up, so the real ping decides."""
    engine = make_app(database_url=database_url, pool_size=1).extensions["engine"]
    pid = sa.text("SELECT pg_backend_pid()")
    with engine.connect() as connection:
        listening = connection.connection.dbapi_connection
        connection.execute(sa.text("LISTEN changes"))
        before = connection.execute(pid).scalar_one()
    with make_app(database_url=database_url).extensions["engine"].connect() as other:
        other.execute(sa.text("NOTIFY changes"))
    wait_until(lambda: bool(select([listening], [], [], 0)[0]), "no notification came")
    with engine.connect() as connection:
        assert connection.execute(pid).scalar_one() == before
