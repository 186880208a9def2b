"""Each request sends one message to PostgreSQL and leaves no state in the connection."""

import os
import re
import resource
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from select import select
from typing import Any

import psycopg2.extensions
import pytest
import sqlalchemy as sa
from flask import Flask

from tests.support.api import location
from tests.support.client import Client, MakeApp, Token
from tests.support.waiting import wait_until
from tests.support.wire import Proxy
from todo_api.config import Config, ConfigError
from todo_api.database.url import CONNECTION_DEFAULTS, connection_parameters

TIMEOUT = "SET LOCAL transaction_isolation = 'read committed'; SET LOCAL statement_timeout = 5000; "


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
        ("GET", "/api/tasks/tags?q=x", None, 200, "WITH"),
        ("GET", "/api/tasks/stats?due_after=2026-01-01", None, 200, "WITH"),
        ("PATCH", "/api/tasks", {"ids": [1, 2], "changes": {"title": "y"}}, 200, "WITH taken"),
        ("PATCH", "/api/tasks", {"ids": [1, 2], "changes": {"completed": True}}, 200, "WITH taken"),
        ("PATCH", "/api/tasks", {"ids": [1, 2], "changes": {}}, 200, "SELECT"),
        ("POST", "/api/tasks", {"title": "x"}, 201, "WITH bump"),
        ("GET", "/api/tasks/{}", None, 200, "SELECT"),
        ("PATCH", "/api/tasks/{}", {"title": "y"}, 200, "WITH taken"),
        ("PATCH", "/api/tasks/{}", {}, 200, "SELECT"),
        ("POST", "/api/tasks/{}/restore", None, 200, "WITH taken"),
        ("GET", "/api/tasks/changes", None, 200, "SELECT"),
        ("PUT", "/api/tasks/{}", {"description": "y"}, 200, "WITH taken"),
        ("PATCH", "/api/tasks/{}/complete", None, 200, "WITH taken"),
        ("PATCH", "/api/tasks/{}/complete", {"completed": True}, 200, "WITH taken"),
        ("DELETE", "/api/tasks/{}", None, 204, "WITH taken"),
        ("GET", f"/api/tasks/{2**52}", None, 404, "SELECT"),
        ("DELETE", f"/api/tasks/{2**52}", None, 404, "WITH taken"),
        ("GET", "/ready", None, 200, "SELECT"),
    ],
)
def test_request_is_one_statement_in_one_message(
    wired: tuple[Client, Proxy], method: str, path: str, body: Any, status: int, verb: str
) -> None:
    client, proxy = wired
    task = client.post("/api/tasks", json={"title": "x"}).json
    if path.endswith("/restore"):
        client.delete(f"/api/tasks/{task['id']}")
    proxy.messages.clear()
    response = client.open(path.format(task["id"]), method=method, json=body)
    assert response.status_code == status
    ((kind, text),) = proxy.messages
    assert kind == "Q"
    assert text.startswith(TIMEOUT + verb)
    assert ";" not in text.removeprefix(TIMEOUT)


def test_move_locks_the_account_then_reads_and_writes_in_one_message(
    wired: tuple[Client, Proxy],
) -> None:
    client, proxy = wired
    path = location(client.post("/api/tasks", json={"title": "x"}))
    proxy.messages.clear()
    assert client.patch(f"{path}/position", json={"to": "last"}).status_code == 200
    ((_, text),) = proxy.messages
    lock, move = text.removeprefix(TIMEOUT).split("; ")
    assert re.match(r"SELECT accounts.version\s+FROM accounts\s.* FOR UPDATE", lock, re.DOTALL)
    assert move.startswith("WITH targets")


@pytest.mark.parametrize(
    ("headers", "status", "statements"),
    [
        ({"Idempotency-Key": "new"}, 201, ["WITH bump"]),
        ({"Idempotency-Key": "used"}, 200, ["WITH bump", "SELECT"]),
    ],
)
def test_only_a_replayed_key_takes_a_second_statement(
    wired: tuple[Client, Proxy], headers: dict[str, str], status: int, statements: list[str]
) -> None:
    client, proxy = wired
    client.post("/api/tasks", json={"title": "x"}, headers={"Idempotency-Key": "used"})
    proxy.messages.clear()
    assert client.post("/api/tasks", json={"title": "x"}, headers=headers).status_code == status
    assert_sent(proxy, statements)


@pytest.mark.parametrize(
    ("tag", "status", "statements"),
    [('"1"', 200, ["WITH taken"]), ('"2"', 412, ["WITH taken", "SELECT"])],
)
def test_only_a_failed_precondition_takes_a_second_statement(
    wired: tuple[Client, Proxy], tag: str, status: int, statements: list[str]
) -> None:
    client, proxy = wired
    path = location(client.post("/api/tasks", json={"title": "x"}))
    proxy.messages.clear()
    response = client.patch(path, json={"title": "y"}, headers={"If-Match": tag})
    assert response.status_code == status
    assert_sent(proxy, statements)


def test_304_of_a_list_reads_no_tasks(wired: tuple[Client, Proxy]) -> None:
    client, proxy = wired
    client.post("/api/tasks", json={"title": "x"})
    tag = client.get("/api/tasks").headers["ETag"]
    proxy.messages.clear()
    assert client.get("/api/tasks", headers={"If-None-Match": tag}).status_code == 304
    ((_, text),) = proxy.messages
    assert "FROM accounts" in text
    assert "FROM tasks" not in text


def test_account_is_erased_in_one_message(wired: tuple[Client, Proxy]) -> None:
    client, proxy = wired
    assert client.delete("/api/account").status_code == 204
    ((_, text),) = proxy.messages
    verbs = [statement.split()[0] for statement in text.split("; ")]
    assert verbs == ["SET", "SET", "INSERT", "DELETE", "DELETE", "UPDATE", "SELECT"]


@pytest.mark.parametrize("path", ["trash", "restore"])
def test_several_tasks_are_moved_in_one_message(wired: tuple[Client, Proxy], path: str) -> None:
    client, proxy = wired
    assert client.post(f"/api/tasks/{path}", json={"ids": [1, 2]}).status_code == 200
    assert_sent(proxy, ["SELECT accounts.version"])
    locked, moved, found = proxy.messages[0][1].removeprefix(TIMEOUT).split("; ")
    assert locked.endswith("FOR UPDATE")
    assert moved.startswith("WITH taken")
    assert found.startswith("SELECT tasks.id")


@pytest.mark.parametrize(
    ("status", "verb"), [("completed", "WITH taken"), ("deleted", "SELECT accounts.version")]
)
def test_tasks_to_delete_are_found_without_the_lock_of_the_account(
    wired: tuple[Client, Proxy], status: str, verb: str
) -> None:
    client, proxy = wired
    assert client.delete(f"/api/tasks?status={status}").status_code == 200
    assert_sent(proxy, ["SELECT tasks.id", verb])
    assert "FOR UPDATE" not in proxy.messages[0][1]


def assert_sent(proxy: Proxy, statements: list[str]) -> None:
    assert len(proxy.messages) == len(statements)
    for (_, text), start in zip(proxy.messages, statements, strict=True):
        assert text.startswith(TIMEOUT + start)


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
    url = (
        f"{scheme}://u:p%40ss@ep-x-pooler.neon.tech,[::1]:5433/db"
        "?sslmode=require&channel_binding=require&options=endpoint%3Dep-x+y%20z%2B"
    )
    assert connection_parameters(url) == CONNECTION_DEFAULTS | {
        "user": "u",
        "password": "p@ss",
        "host": "ep-x-pooler.neon.tech,::1",
        "port": ",5433",
        "dbname": "db",
        "sslmode": "require",
        "channel_binding": "require",
        "options": "endpoint=ep-x+y z+",
    }


@pytest.mark.parametrize("port", ["", "&port=1", "&port=1,2"])
def test_all_hosts_reach_libpq(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    monkeypatch.delenv("PGPORT", raising=False)
    url = f"postgresql:///db?host=%2Fabsent%2Fa,%2Fabsent%2Fb{port}"
    with pytest.raises(sa.exc.OperationalError) as error:
        make_app(database_url=url).extensions["engine"].connect()
    first, last = {"": (5432, 5432), "&port=1": (1, 1), "&port=1,2": (1, 2)}[port]
    for socket in (f"/absent/a/.s.PGSQL.{first}", f"/absent/b/.s.PGSQL.{last}"):
        assert f'"{socket}" failed: No such file' in str(error.value)


@pytest.mark.parametrize("name", ["database_url", "database_url_unpooled"])
@pytest.mark.parametrize(
    "parameters",
    [
        "pgbouncer=true",
        "options=a&options=b",
        "client_encoding=latin1",
        "sslmode=no-verify",
        "sslmode=REQUIRE",
        "channel_binding=yes",
        "target_session_attrs=master",
        "gssencmode=off",
        "ssl_min_protocol_version=1.2",
        "ssl_min_protocol_version=TLSv1.3&ssl_max_protocol_version=TLSv1.2",
        "connect_timeout=10s",
        "keepalives_idle=5s",
        "service=hunter2",
    ],
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


@pytest.mark.parametrize(
    "parameters",
    [
        *("sslmode=verify-full&sslrootcert=/absent.pem", "sslnegotiation=direct&sslmode=require"),
        *("connect_timeout=-1", "keepalives=0", "client_encoding=UTF8", "hostaddr=::1&port=1"),
        "gssencmode=require",
    ],
)
def test_other_parameters_of_libpq_are_accepted(config: Config, parameters: str) -> None:
    replace(config, database_url=f"postgresql://u@host/db?{parameters}")


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
    parameters = connected_with(other)
    assert (parameters["connect_timeout"], parameters["application_name"]) == ("3", "mine")
    assert parameters["tcp_user_timeout"] == "8000"
    default = connected_with(make_app())
    assert (default["connect_timeout"], default["client_encoding"]) == ("10", "utf8")


def connected_with(app: Flask) -> dict[str, str]:
    """Return the parameters of libpq in a connection of the service."""
    with app.extensions["engine"].connect() as connection:
        parameters: dict[str, str] = connection.connection.dbapi_connection.info.dsn_parameters
        return parameters


def test_timestamps_are_utc_whatever_the_database_time_zone(
    app: Flask, make_app: MakeApp, database_url: str, token: Token, user: str
) -> None:
    url = sa.make_url(database_url).update_query_dict({"options": "-ctimezone=Asia/Kathmandu"})
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
