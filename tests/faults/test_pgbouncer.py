"""By way of PgBouncer in transaction mode: nothing of one user is left for the next."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import sqlalchemy as sa

from tests.conftest import Token, reachable_folder
from tests.faults.conftest import Cluster
from tests.pooler import PGBOUNCER, Pooler
from tests.serving import Server, ask

pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="there is no pgbouncer here")


@pytest.fixture
def pooler(cluster: Cluster) -> Iterator[Pooler]:
    """One server connection for everyone."""
    with reachable_folder() as folder, Pooler(cluster.url, folder, size=1) as pooler:
        yield pooler


@pytest.fixture
def pooled(cluster: Cluster, pooler: Pooler, tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "log", pooler.url(cluster.url)) as server:
        yield server


def test_start_up_options_are_refused_as_by_neon(cluster: Cluster, pooler: Pooler) -> None:
    connect(cluster, pooler).close()
    with pytest.raises(psycopg2.OperationalError, match="unsupported startup parameter"):
        connect(cluster, pooler, options="-c statement_timeout=1000")


def connect(cluster: Cluster, pooler: Pooler, **options: str) -> Any:
    return psycopg2.connect(pooler.url(cluster.url).replace("+psycopg2", ""), **options)


def test_statements_of_two_users_leave_nothing_behind(
    cluster: Cluster, pooler: Pooler, pooled: Server, token: Token
) -> None:
    with closing(connect(cluster, pooler)) as next_user:
        next_user.autocommit = True
        connections = [pooled.connect(), pooled.connect()]
        tokens = [token("ann"), token("bob")]
        with next_user.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (backend,) = cursor.fetchone()
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


def test_locked_row_is_given_up_and_the_next_statement_finds_no_timeout(
    cluster: Cluster, pooler: Pooler, pooled: Server, token: Token
) -> None:
    connection = pooled.connect()
    signed = token("ann")
    _, task = ask(connection, "POST", "/api/tasks", signed, b'{"title": "x"}')
    engine = cluster.engine.execution_options(isolation_level="READ COMMITTED")
    with engine.connect() as holder:
        holder.execute(sa.text("SELECT 1 FROM tasks WHERE id = :id FOR UPDATE"), {"id": task["id"]})
        started = time.monotonic()
        path = f"/api/tasks/{task['id']}"
        assert ask(connection, "PATCH", path, signed, b'{"title": "y"}')[0].status == 503
        assert 4 < time.monotonic() - started < 8
    with closing(connect(cluster, pooler)) as next_user:
        next_user.autocommit = True
        with next_user.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == ("0",)
            cursor.execute("SELECT pg_sleep(5.5)")
    assert ask(connection, "GET", path, signed)[1] == task
    connection.close()
