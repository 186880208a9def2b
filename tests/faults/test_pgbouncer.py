"""PgBouncer in transaction mode: no session state of one user reaches the next."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import flask_migrate
import psycopg2
import psycopg2.extensions
import pytest
import sqlalchemy as sa

from tests import SECRET
from tests.support.client import Token
from tests.support.pooler import PGBOUNCER, Pooler
from tests.support.postgres import Cluster, reachable_folder
from tests.support.raw_http import usual_seconds
from tests.support.serving import Server, answers, ask
from tests.support.waiting import wait_until
from todo_api import create_app
from todo_api.commands.cli import support_migrations
from todo_api.config import Config

pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed")


@pytest.fixture
def pooler(cluster: Cluster) -> Iterator[Pooler]:
    """A PgBouncer with one server connection."""
    with reachable_folder() as folder, Pooler(cluster.url, folder, size=1) as pooler:
        yield pooler


@pytest.fixture
def pooled(cluster: Cluster, pooler: Pooler, tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "log", pooler.url(cluster.url)) as server:
        yield server


def test_pooler_rejects_startup_options_as_neon_does(cluster: Cluster, pooler: Pooler) -> None:
    connect(cluster, pooler).close()
    with pytest.raises(psycopg2.OperationalError, match="unsupported startup parameter"):
        connect(cluster, pooler, options="-c statement_timeout=1000")


def connect(
    cluster: Cluster, pooler: Pooler, options: str | None = None
) -> psycopg2.extensions.connection:
    url = pooler.url(cluster.url).replace("+psycopg2", "")
    return psycopg2.connect(url, options=options)


def test_statements_leave_no_session_state_behind(
    cluster: Cluster, pooler: Pooler, pooled: Server, token: Token
) -> None:
    with closing(connect(cluster, pooler)) as next_user:
        next_user.autocommit = True
        connections = [pooled.connect(), pooled.connect()]
        tokens = [token("ann"), token("bob")]
        with next_user.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (backend,) = cursor.fetchall()[0]
            for turn in range(20):
                connection, signed = connections[turn % 2], tokens[turn % 2]
                status = ask(connection, "POST", "/api/tasks", signed, b'{"title": "x"}')[0].status
                assert status == 201
                cursor.execute(
                    "SELECT pg_backend_pid(), current_setting('statement_timeout'),"
                    " current_setting('default_transaction_read_only'),"
                    " (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'),"
                    " (SELECT count(*) FROM pg_prepared_statements)"
                )
                assert cursor.fetchone() == (backend, "0", "off", 0, 0)
    for connection, signed, user in zip(connections, tokens, ("ann", "bob"), strict=True):
        listed = ask(connection, "GET", "/api/tasks", signed)[1]
        assert {task["user_id"] for task in listed} == {user}
        connection.close()


def test_timed_out_statement_leaves_no_timeout_behind(
    cluster: Cluster, pooler: Pooler, pooled: Server, token: Token, slow: bytes
) -> None:
    connection = pooled.connect()
    signed = token("cid")
    _, task = ask(connection, "POST", "/api/tasks", signed, b'{"title": "x"}')
    path = f"/api/tasks/{task['id']}"
    assert_times_out(cluster, pooler, lambda: ask(connection, "POST", "/api/tasks", signed, slow))
    engine = cluster.engine.execution_options(isolation_level="READ COMMITTED")
    with engine.connect() as holder:
        holder.execute(sa.text("SELECT 1 FROM tasks WHERE id = :id FOR UPDATE"), {"id": task["id"]})
        body = b'{"title": "y"}'
        assert_times_out(cluster, pooler, lambda: ask(connection, "PATCH", path, signed, body))
    assert ask(connection, "GET", "/api/tasks", signed)[1] == [task]
    connection.close()


def assert_times_out(
    cluster: Cluster, pooler: Pooler, request: Callable[[], tuple[HTTPResponse, Any]]
) -> None:
    """The request times out, and the next user of the server connection has no timeout."""
    started = time.monotonic()
    assert request()[0].status == 503
    assert time.monotonic() - started > 4
    with closing(connect(cluster, pooler)) as next_user:
        next_user.autocommit = True
        with next_user.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == ("0",)
            cursor.execute("SELECT pg_sleep(5.5)")


def test_wait_in_the_pooler_ends_and_is_in_its_log(
    cluster: Cluster, pooler: Pooler, pooled: Server, token: Token
) -> None:
    connection = pooled.connect()
    assert ask(connection, "GET", "/api/tasks", token("dan"))[0].status == 200
    with closing(connect(cluster, pooler)) as holder, holder.cursor() as cursor:
        cursor.execute("SELECT 1")  # its transaction keeps the only server connection
        assert ask(connection, "GET", "/api/tasks", token("dan"))[0].status == 503
    assert "query_wait_timeout" in pooler.log()
    connection.close()


def test_outage_behind_the_pooler_is_logged_with_a_reason_and_one_traceback(
    cluster: Cluster, pooled: Server, token: Token
) -> None:
    connection = pooled.connect()
    assert ask(connection, "GET", "/api/tasks", token("ann"))[0].status == 200
    cluster.stop("immediate")
    for _ in range(20):
        assert ask(connection, "GET", "/api/tasks", token("ann"))[0].status == 503
    connection.close()
    cluster.start()
    failures = [line for line in pooled.lines() if line["event"] == "database unavailable"]
    assert len(failures) == 20
    assert {line["reason"].partition(". This")[0] for line in failures} == {
        "server closed the connection unexpectedly"
    }
    assert sum("exc_info" in line for line in failures) == 1


def test_service_is_ready_soon_after_the_server_behind_the_pooler_returns(
    cluster: Cluster, pooled: Server
) -> None:
    wait_until(lambda: answers(pooled), "it is not ready")
    usual = usual_seconds(pooled)
    cluster.stop("immediate")
    for _ in range(5):
        assert not answers(pooled)
    cluster.start()
    returned = time.monotonic()
    wait_until(lambda: answers(pooled), "it is not ready again")
    seconds = time.monotonic() - returned
    print(f"ready after {seconds:.1f} s")  # noqa: T201 the figure
    assert seconds < 6 + 20 * usual


def test_migrations_use_the_direct_url(cluster: Cluster, pooler: Pooler) -> None:
    config = Config(SECRET, pooler.url(cluster.url), database_url_unpooled=str(cluster.url))
    app = support_migrations(create_app(config))
    with app.app_context():
        flask_migrate.downgrade(revision="base")
        flask_migrate.upgrade()
    assert cluster.ask("SELECT to_regclass('tasks') IS NOT NULL") == [True]
    assert "login attempt" not in pooler.log()
    connect(cluster, pooler).close()
    assert "login attempt" in pooler.log()
