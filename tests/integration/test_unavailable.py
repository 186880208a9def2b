"""What a client sees while the database cannot answer."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import flask_migrate
import psycopg2
import psycopg2.extensions
import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import OperationalError

from tests.support.api import create
from tests.support.client import Client, JsonResponse, MakeApp, Token
from tests.support.log import Lines
from tests.support.roles import role_with
from todo_api.database.engine import execute
from todo_api.failures import failure_reason
from todo_api.logs import SECONDS_BETWEEN_REPEATS
from todo_api.version import __version__

UNAVAILABLE_MESSAGE = {
    "detail": "The database is unavailable. Try again in a moment.",
    "status_code": 503,
    "error_type": "service_unavailable_error",
}


def assert_unavailable(response: JsonResponse) -> None:
    assert (response.status_code, response.json) == (503, UNAVAILABLE_MESSAGE)
    assert response.headers["Retry-After"] == "1"


@pytest.fixture
def with_client(make_app: MakeApp, client: Client) -> Callable[..., Client]:
    """Make the client of a service with other settings."""

    def make(**settings: Any) -> Client:
        return Client(make_app(**settings), client.token)

    return make


def test_traceback_of_an_outage_is_logged_once_a_minute(
    with_client: Callable[..., Client], lines: Lines
) -> None:
    client = with_client(database_url="postgresql+psycopg2://u:p@127.0.0.1:1/db")

    def outage() -> dict[str, Any]:
        client.get("/api/tasks")
        line, _ = lines.parsed()[-2:]
        assert line["reason"].startswith('connection to server at "127.0.0.1", port 1 failed')
        return line

    assert "exc_info" in outage()
    assert "exc_info" not in outage()
    client.application.extensions["due"]["traceback"] -= SECONDS_BETWEEN_REPEATS
    assert "exc_info" in outage()
    assert "exc_info" not in outage()


def test_absent_database_is_unavailable(with_client: Callable[..., Client]) -> None:
    client = with_client(database_url="postgresql+psycopg2://u:p@127.0.0.1:1/db")
    assert_unavailable(client.get("/api/tasks"))
    assert_unavailable(client.get("/ready"))
    assert client.get("/health").json == {"status": "ok", "version": __version__}


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("FATAL:  sorry, too many clients already", "No connection is free."),
        ("FATAL:  remaining connection slots are reserved for", "No connection is free."),
        ("FATAL:  no more connections allowed (max_client_conn)", "No connection is free."),
        (
            'could not open certificate file "/root/.postgresql/postgresql.crt": Permission denied',
            "HOME is the folder of another user.",
        ),
    ],
)
def test_failed_connection_is_logged_with_what_to_do(words: str, advice: str) -> None:
    error = psycopg2.OperationalError(f'connection to server at "db", port 5432 failed: {words}\n')
    reason = failure_reason(OperationalError(None, None, error))
    assert reason.startswith('connection to server at "db", port 5432 failed: ')
    assert advice in reason


def test_slow_statement_is_unavailable(with_client: Callable[..., Client], lines: Lines) -> None:
    client = with_client(statement_timeout=1)

    @client.application.get("/slow")
    def slow() -> str:
        execute(sa.text("SELECT pg_sleep(60)"))
        return "never"

    assert_unavailable(client.get("/slow"))
    assert lines.parsed()[-2]["reason"] == "57014 canceling statement due to statement timeout"
    assert client.get("/ready").status_code == 200


def test_slow_statement_of_a_user_says_so_and_when_to_retry(
    with_client: Callable[..., Client], client: Client, app: Flask, user: str
) -> None:
    hasty = with_client(statement_timeout=0.2)
    path = f"/api/tasks/{create(client)['id']}"
    engine = app.extensions["engine"].execution_options(isolation_level="READ COMMITTED")
    with engine.connect() as holder:
        holder.execute(sa.text("SELECT FROM accounts WHERE user_id = :u FOR UPDATE"), {"u": user})
        response = hasty.patch(path, json={"title": "y"})
    assert (response.status_code, response.headers["Retry-After"]) == (503, "30")
    assert response.json["detail"].startswith("The request takes too long for this account.")
    assert response.json["error_type"] == "service_unavailable_error"
    assert client.patch(path, json={"title": "y"}).status_code == 200


def test_exhausted_pool_is_unavailable(with_client: Callable[..., Client], lines: Lines) -> None:
    client = with_client(pool_size=1, pool_timeout=0.05)
    engine = client.application.extensions["engine"]
    with engine.connect():
        assert_unavailable(client.get("/api/tasks"))
        assert lines.parsed()[-2]["reason"] == "all connections are in use"
        assert client.get("/health").status_code == 200
    assert client.get("/api/tasks").status_code == 200


def test_read_only_database_serves_reads_only(
    with_client: Callable[..., Client], database_url: str
) -> None:
    url = sa.make_url(database_url).update_query_dict(
        {"options": "-cdefault_transaction_read_only=on"}
    )
    client = with_client(database_url=url.render_as_string(hide_password=False))
    assert client.get("/api/tasks").status_code == 200
    assert_unavailable(client.post("/api/tasks", json={"title": "x"}))


@pytest.mark.skipif("TEST_POOLED" in os.environ, reason="a pooler would keep what SET changes")
def test_connection_that_became_read_only_is_discarded(with_client: Callable[..., Client]) -> None:
    client = with_client(pool_size=1)
    with client.application.extensions["engine"].connect() as connection:
        raw = connection.connection.dbapi_connection
        with raw.cursor(cursor_factory=psycopg2.extensions.cursor) as cursor:
            cursor.execute("SET default_transaction_read_only = on")
    assert client.get("/api/tasks").status_code == 200
    assert_unavailable(client.post("/api/tasks", json={"title": "x"}))
    assert client.post("/api/tasks", json={"title": "x"}).status_code == 201


def test_terminated_connections_are_replaced_without_an_error(
    with_client: Callable[..., Client], server: str
) -> None:
    client = with_client(pool_size=1)
    engine = client.application.extensions["engine"]
    with engine.connect() as connection:
        backend = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    with sa.create_engine(server, poolclass=sa.NullPool).connect() as connection:
        connection.execute(sa.text("SELECT pg_terminate_backend(:pid, 120000)"), {"pid": backend})
    assert client.get("/api/tasks").status_code == 200


def test_programming_error_is_not_a_503(with_client: Callable[..., Client]) -> None:
    client = with_client()

    @client.application.get("/mistake")
    def mistake() -> str:
        execute(sa.text("SELECT no_such_function()"))
        return "never"

    assert client.get("/mistake").status_code == 500


def test_instance_that_stops_is_not_ready(client: Client) -> None:
    stopping: Any = {"environ_overrides": {"todo_api.stopping": True}}
    response = client.get("/ready", **stopping)
    assert response.status_code == 503
    assert response.json["detail"].startswith("This instance is shutting down.")
    assert response.headers["Retry-After"] == "1"
    assert client.get("/health", **stopping).status_code == 200
    assert client.get("/api/tasks", **stopping).status_code == 200


@pytest.mark.parametrize(
    ("rights", "reason"),
    [
        ("SELECT ON tasks", "42501 the role of DATABASE_URL lacks a right. Run: flask doctor"),
        (None, "42P01 a table is missing. Run: flask db upgrade"),
    ],
    ids=["rights", "tables"],
)
def test_database_that_is_not_set_up_is_unavailable_and_the_log_says_why(
    empty: Flask, token: Token, lines: Lines, rights: str | None, reason: str
) -> None:
    with ExitStack() as stack:
        if rights:
            flask_migrate.upgrade()
        app = stack.enter_context(role_with(empty, rights)) if rights else empty
        assert_unavailable(Client(app, token("ann")).get("/api/tasks"))
    assert lines.parsed()[-2]["reason"] == reason


def test_older_schema_is_unavailable(empty: Flask, token: Token, lines: Lines) -> None:
    flask_migrate.upgrade(revision="0001")
    assert_unavailable(Client(empty, token("ann")).get("/api/tasks"))
    assert "Run: flask db upgrade" in lines.parsed()[-2]["reason"]
