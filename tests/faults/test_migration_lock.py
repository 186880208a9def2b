"""Migrations run one at a time, directly or through a pooler, and leave no lock behind."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest
import sqlalchemy as sa

from tests import ROOT, SECRET
from tests.support.pooler import PGBOUNCER, Pooler
from tests.support.postgres import NewDatabase
from tests.support.processes import Process, running
from tests.support.waiting import LIMIT, wait_until
from todo_api.database.models import tasks

NEXT = '''
from alembic import op

revision = "{next}"
down_revision = "{last}"


def upgrade():
    op.execute("""{wait}""")
    with op.get_context().autocommit_block():
        op.create_index("ix_title", "tasks", ["title"], postgresql_concurrently=True)
    op.execute("CREATE TABLE seen AS SELECT current_setting('lock_timeout') AS lock_timeout")
'''
UNTIL_TOLD = """DO $$ BEGIN
    WHILE NOT EXISTS (SELECT FROM pg_class WHERE relname = 'go_on') LOOP
        PERFORM pg_sleep(0.05);
    END LOOP;
END $$"""
INDEXES = (
    "SELECT indexrelid::regclass::text, indisvalid FROM pg_index WHERE indrelid = '{}'::regclass"
)
LOCKS = (
    "SELECT count(*) FROM pg_locks JOIN pg_database ON database = pg_database.oid"
    " WHERE locktype = 'advisory' AND datname = current_database()"
)
RUNNING = (
    "SELECT ltrim(query, E'\\n') FROM pg_stat_activity"
    " WHERE state = 'active' AND datname = current_database()"
)
LONG_IDLE = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND state = 'idle in transaction' AND clock_timestamp() - state_change > '2500 ms'"
)
LOCK = "SELECT pg_advisory_lock(7305460911)"
SIZE = 6  # connections of the pooler, of which a migration takes two

through_pooler = pytest.param(
    "pooled", marks=pytest.mark.skipif(PGBOUNCER is None, reason="there is no pgbouncer here")
)
both_ways = pytest.mark.parametrize("way", ["direct", through_pooler])


@dataclass
class Database:
    """An empty database, and the URLs that lead to it."""

    urls: dict[str, str]
    stack: ExitStack
    migrations: Path = ROOT / "migrations"

    def __post_init__(self) -> None:
        self.engine = sa.create_engine(
            self.urls["direct"], poolclass=sa.NullPool, isolation_level="AUTOCOMMIT"
        )

    def ask(self, statement: str) -> list[Any]:
        with self.engine.connect() as connection:
            result = connection.exec_driver_sql(statement)
            return list(result.all()) if result.returns_rows else []

    def upgrade(self, way: str, *options: str, stderr: int | IO[str] = subprocess.PIPE) -> Process:
        flask = Path(sys.executable).with_name("flask")
        environ = {"PATH": os.environ["PATH"], "BETTER_AUTH_SECRET": SECRET}
        return self.stack.enter_context(
            running(
                [flask, "db", "upgrade", "-d", self.migrations, *options],
                cwd=ROOT,
                env=environ | {"DATABASE_URL": self.urls[way]},
                stderr=stderr,
                text=True,
            )
        )

    def is_running(self, statement: str) -> bool:
        return any(query.startswith(statement) for (query,) in self.ask(RUNNING))

    def wait_until_running(self, statement: str) -> None:
        wait_until(lambda: self.is_running(statement), f"{statement} is not running")


@pytest.fixture
def database(
    new_database: NewDatabase, server: str, folder: Path, request: pytest.FixtureRequest
) -> Iterator[Database]:
    with ExitStack() as stack:
        direct = new_database()
        urls = {"direct": direct}
        if "pooled" in str(request.node.name):
            (folder / "pooler").mkdir()
            pooler = stack.enter_context(Pooler(server, folder / "pooler", SIZE))
            urls["pooled"] = pooler.url(direct)
        yield Database(urls, stack)


@pytest.fixture
def wait() -> str:
    """The statement that makes the next migration slow."""
    return "SELECT pg_sleep(5)"


@pytest.fixture
def slow(database: Database, folder: Path, wait: str) -> Database:
    """A database that the next migration takes some seconds to change."""
    database.migrations = folder / "migrations"
    shutil.copytree(ROOT / "migrations", database.migrations)
    last = len(list((database.migrations / "versions").glob("*.py")))
    text = NEXT.format(last=f"{last:04}", next=f"{last + 1:04}", wait=wait)
    (database.migrations / "versions/index_titles.py").write_text(text)
    return database


def finish(process: Process) -> str:
    """Return what a migration said that ended well."""
    told: str = process.communicate(timeout=LIMIT)[1]
    assert process.returncode == 0, told
    return told


@pytest.mark.parametrize("wait", [UNTIL_TOLD], ids=[""])
@both_ways
def test_two_at_once_migrate_one_after_the_other(slow: Database, way: str, folder: Path) -> None:
    """Also where a migration commits on its way, and keeping the lock timeout."""
    logs = [folder / "one.log", folder / "other.log"]
    with logs[0].open("w") as one, logs[1].open("w") as other:
        both = [slow.upgrade(way, stderr=log) for log in (one, other)]
    waits = "another migration is running"
    wait_until(lambda: any(waits in log.read_text() for log in logs), "none waits for the other")
    slow.ask("CREATE TABLE go_on ()")
    assert [process.wait(LIMIT) for process in both] == [0, 0]
    told = [log.read_text() for log in logs]
    assert sum("-> 0005" in text for text in told) == 1
    waited = [re.search(waits + r" \(pid \d+, role \w+, ", text) for text in told]
    assert sum(map(bool, waited)) == 1, told
    assert "application todo_api, age 0:0" in "".join(told)
    assert slow.ask("SELECT lock_timeout FROM seen") == [("5s",)]
    assert ("ix_title", True) in slow.ask(INDEXES.format("tasks"))
    assert slow.ask(LOCKS) == [(0,)]


@pytest.mark.skipif(PGBOUNCER is None, reason="there is no pgbouncer here")
def test_pooled_migration_leaves_no_lock_and_no_setting_for_a_direct_one(slow: Database) -> None:
    finish(slow.upgrade("pooled"))
    assert slow.ask(LOCKS) == [(0,)]
    assert "another migration" not in finish(slow.upgrade("direct"))
    pooled = sa.create_engine(slow.urls["pooled"], poolclass=sa.NullPool)
    setting = (
        "SELECT pg_backend_pid(), source FROM pg_settings"
        " WHERE name IN ('lock_timeout', 'client_connection_check_interval')"
    )
    with ExitStack() as stack:  # open transactions, so that each gets a server connection
        opened = [stack.enter_context(pooled.connect()) for _ in range(SIZE)]
        rows = [connection.exec_driver_sql(setting).all() for connection in opened]
    assert len({pid for session in rows for pid, _ in session}) == SIZE
    assert {source for session in rows for _, source in session} == {"default"}


@both_ways
def test_one_killed_in_the_middle_does_not_hold_up_the_next(database: Database, way: str) -> None:
    finish(database.upgrade(way, "0003"))
    old = database.engine.connect().execution_options(isolation_level="REPEATABLE READ")
    with old:  # its snapshot makes a concurrent index wait
        old.exec_driver_sql("INSERT INTO tasks (user_id, title) VALUES ('u', 'x')")
        killed = database.upgrade(way)
        database.wait_until_running("CREATE INDEX CONCURRENTLY")
        killed.send_signal(signal.SIGKILL)
        killed.communicate(timeout=LIMIT)
        following = database.upgrade(way)
        database.wait_until_running("DROP INDEX CONCURRENTLY")
        assert not database.is_running("CREATE INDEX CONCURRENTLY")
        old.rollback()
        finish(following)
    indexes = dict(database.ask(INDEXES.format("tasks")))
    assert indexes.keys() == {"pk_tasks", *(index.name for index in tasks.indexes)}
    assert all(indexes.values()), indexes
    assert database.ask(LOCKS) == [(0,)]


def test_wait_for_another_migration_ends_and_names_who_holds_the_lock(database: Database) -> None:
    with database.engine.connect() as holder:
        holder.exec_driver_sql("SET application_name = 'left behind'")
        holder.exec_driver_sql(LOCK)
        pid = holder.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        waiting = database.upgrade("direct", "-x", "lock_wait=1")
        told = waiting.communicate(timeout=LIMIT)[1]
    assert waiting.returncode == 1
    assert "Traceback" not in told
    assert f"another migration is running (pid {pid}, role " in told
    assert re.search(rf"gave up after 1 s: .* \(pid {pid}, .*application left behind, age 0", told)
    finish(database.upgrade("direct"))


@both_ways
def test_lock_outlives_the_timeouts_of_the_database_and_no_index_waits_for_it(
    slow: Database, way: str
) -> None:
    (name,) = slow.ask("SELECT current_database()")[0]
    for setting in (
        "idle_in_transaction_session_timeout = '2s'",
        "default_transaction_isolation = 'repeatable read'",
    ):
        slow.ask(f"ALTER DATABASE {name} SET {setting}")
    first = slow.upgrade(way)
    slow.wait_until_running("SELECT pg_sleep")
    wait_until(lambda: slow.ask(LONG_IDLE)[0][0], "the lock's session is not idle for so long")
    assert slow.ask(LOCKS) == [(1,)]
    assert "Exception" not in finish(first)
    assert slow.ask(LOCKS) == [(0,)]
