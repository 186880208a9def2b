"""The database of the benchmark: 2,000,000 tasks in an embedded PostgreSQL."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import flask_migrate
import sqlalchemy as sa

from tests import ROOT, SECRET
from todo_api import create_app
from todo_api.commands.cli import support_migrations
from todo_api.config import Config
from todo_api.database import embedded
from todo_api.tasks import queries

ROWS = 2_000_000
FRESH = 24_000  # more than one round can use up

FILL = f"""
INSERT INTO tasks
    (user_id, title, description, completed, created_at, updated_at, priority, due_date, tags)
SELECT CASE WHEN n % 20 = 0 THEN 'many' WHEN n % 200 = 1 THEN 'some' WHEN n % 19000 = 2 THEN 'few'
        WHEN n % 2000 = 3 THEN 'several' ELSE 'user-' || n % 19000 END,
    'Task number ' || n::bigint * 7919 % 100003, 'What there is to say about it', n / 200 % 3 = 0,
    now() - n * interval '1 second', now() - n::bigint * 7919 % 2000003 * interval '1 second',
    (ARRAY['low', 'medium', 'high'])[1 + n / 600 % 3],
    CASE WHEN n / 200 % 5 < 3 THEN DATE '2026-01-01' + n % 700 END,
    (ARRAY['home', 'work', 'urgent', 'errand'])[1 + n / 200 % 4 : 1 + n / 200 % 3]
FROM generate_series(1, {ROWS}) n
"""
# As if each user had written once.
FILL_ACCOUNTS = (
    "INSERT INTO accounts (user_id, version, task_count)"
    " SELECT user_id, 1, count(*) FROM tasks GROUP BY user_id"
)
FRESH_TASKS = sa.text(
    "INSERT INTO tasks (id, user_id, title, description, deleted_at)"
    " OVERRIDING SYSTEM VALUE SELECT id, (:users)[1 + id % cardinality(:users)],"
    " 'Buy milk and bread', 'Two litres, whole; rye if there is any',"
    " CASE WHEN :trashed THEN now() END"
    " FROM generate_series(CAST(:first AS bigint), :first + :count - 1) AS id"
)


@dataclass
class Database:
    """A database. `made_database` has 2,000,000 tasks: 100,000 of one user, 10,000 of one,
    1,000 of one, 100 of each other.
    """

    url: str
    engine: sa.Engine
    next_id: int = 10**9
    """Far from the sequence: requests that wrk has left behind still take ids from that."""

    def fresh_tasks(
        self, users: Sequence[str], count: int = FRESH, *, trashed: bool = False
    ) -> int:
        """Make tasks with consecutive ids and return the first. load.lua chooses the same users."""
        first, self.next_id = self.next_id, self.next_id + count
        values = {"users": list(users), "first": first, "count": count, "trashed": trashed}
        with self.engine.connect() as connection:
            connection.execute(FRESH_TASKS, values)
        return first


@contextmanager
def made_database() -> Iterator[Database]:
    """Start PostgreSQL with its defaults and fill a new database."""
    with empty_database() as database:
        with database.engine.connect() as connection:
            connection.execute(sa.text(FILL))
            connection.execute(sa.text(FILL_ACCOUNTS))
            connection.exec_driver_sql("VACUUM ANALYZE tasks, accounts")
            connection.exec_driver_sql("CHECKPOINT")
        yield database


@contextmanager
def empty_database() -> Iterator[Database]:
    """Start PostgreSQL with its defaults and migrate a new database."""
    server = sa.make_url(embedded.start(ROOT / "instance/bench-postgres", "max_wal_size=4GB"))
    server = server.set(drivername="postgresql+psycopg2")
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as connection:
        connection.exec_driver_sql("DROP DATABASE IF EXISTS bench WITH (FORCE)")
        connection.exec_driver_sql("CREATE DATABASE bench")
    url = server.set(database="bench").render_as_string(hide_password=False)
    app = support_migrations(create_app(Config(SECRET, url)))
    with app.app_context():
        flask_migrate.upgrade()
    app.extensions["engine"].dispose()
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    yield Database(url, engine)
    with admin.connect() as connection:
        connection.exec_driver_sql("DROP DATABASE bench WITH (FORCE)")


def explain(database: Database) -> str:
    """Return the plan of the hundredth page, and see that it does not sort."""
    with database.engine.connect() as connection:
        place = connection.exec_driver_sql(
            "SELECT created_at, id FROM tasks WHERE user_id = 'many'"
            " ORDER BY created_at DESC, id DESC OFFSET 1980 LIMIT 1"
        ).one()
        found = {"position_value": place.created_at, "position_id": place.id}
        values = {"owner": "many", "is_deleted": False, "row_limit": 21} | found
        compiled = queries.PAGE_BY_SORT["-created_at"].compile(connection)
        lines = connection.exec_driver_sql(
            f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) {compiled}",
            dict.fromkeys(compiled.params) | values,
        ).scalars()
        text = "\n".join(lines)
    assert "Index Scan" in text, text
    assert "Sort" not in text, text
    return text
