"""The migrations create the schema of the models, and can undo it."""

import logging
import re
import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import flask_migrate
import psycopg2
import pytest
import sqlalchemy as sa
from flask import Flask

from config import Config
from tests import ROOT, SECRET
from tests.support.api import next_link
from tests.support.client import Client, MakeApp, Token
from tests.support.postgres import NewDatabase
from todo_api import create_app
from todo_api.models import metadata, tasks
from todo_api.paging import SORTS


@pytest.fixture
def empty(new_database: NewDatabase) -> Iterator[Flask]:
    """The service with an empty database."""
    with new_database() as url:
        app = create_app(Config(SECRET, url))
        with app.app_context():
            yield app
        app.extensions["engine"].dispose()


def tables(app: Flask) -> set[str]:
    with app.extensions["engine"].connect() as connection:
        return set(sa.inspect(connection).get_table_names())


def test_migrations_equal_the_models_and_can_be_undone(empty: Flask) -> None:
    flask_migrate.upgrade()
    expect_no_drift()
    assert tables(empty) == {"alembic_version", *metadata.tables}
    flask_migrate.downgrade(revision="base")
    assert tables(empty) == {"alembic_version"}, "these tables are left after every downgrade"
    flask_migrate.upgrade()
    expect_no_drift()


def expect_no_drift() -> None:
    try:
        flask_migrate.check()
    except SystemExit:
        pytest.fail(
            "The migrations do not create what the models say. The log below has the differences."
            ' Run make migration m="...".'
        )


# Statements of the code of revision 0001.
STATEMENTS_0001 = (
    "INSERT INTO tasks (user_id, title, completed) VALUES ('u', 'x', true)",
    "UPDATE tasks SET updated_at = clock_timestamp(), completed = NOT tasks.completed"
    " WHERE tasks.user_id = 'u' AND tasks.title = 'x'",
    "SELECT tasks.id, tasks.user_id, tasks.title, tasks.description, tasks.completed,"
    " tasks.created_at, tasks.updated_at FROM tasks",
)


def test_rows_and_code_of_revision_0001_survive_the_upgrade(empty: Flask) -> None:
    flask_migrate.upgrade(revision="0001")
    engine = sa.create_engine(
        empty.extensions["engine"].url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    )
    with engine.connect() as connection:
        for statement in STATEMENTS_0001:
            rows = connection.exec_driver_sql(statement)
        before = rows.all()
        flask_migrate.upgrade()
        after = connection.execute(sa.select(tasks)).all()
        assert [row[:7] for row in after] == before
        assert [row[7:] for row in after] == [(None, "medium", None, [], 0, None, None, None)]
        for statement in STATEMENTS_0001:
            connection.exec_driver_sql(statement)
        flask_migrate.downgrade(revision="0001")
        assert len(connection.exec_driver_sql(STATEMENTS_0001[-1]).all()) == 2


def test_index_creation_waits_for_old_transactions(empty: Flask) -> None:
    flask_migrate.upgrade(revision="0003")
    engine = empty.extensions["engine"].execution_options(isolation_level="REPEATABLE READ")
    with engine.connect() as transaction, ThreadPoolExecutor(1) as pool:
        transaction.exec_driver_sql("INSERT INTO tasks (user_id, title) VALUES ('u', 'x')")

        def upgrade() -> None:
            with empty.app_context():
                flask_migrate.upgrade()

        running = pool.submit(upgrade)
        with pytest.raises(TimeoutError):
            running.result(timeout=6)  # longer than the lock_timeout of migrations
        transaction.rollback()
        running.result(timeout=30)
    flask_migrate.check()


def test_index_left_by_an_interrupted_run_is_recreated(empty: Flask) -> None:
    flask_migrate.upgrade(revision="0003")
    with empty.extensions["engine"].connect() as connection:
        connection.exec_driver_sql("CREATE INDEX ix_tasks_user_id_title ON tasks (user_id)")
    flask_migrate.upgrade()
    flask_migrate.check()


def test_drift_fails_the_check(empty: Flask) -> None:
    flask_migrate.upgrade()
    with empty.extensions["engine"].connect() as connection:
        connection.exec_driver_sql("ALTER TABLE tasks ALTER COLUMN completed SET DEFAULT true")
    with pytest.raises(SystemExit):
        flask_migrate.check()


def test_constraints_and_indexes_have_their_names(empty: Flask) -> None:
    flask_migrate.upgrade()
    url = empty.extensions["engine"].url.set(drivername="postgresql+psycopg2")
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        inspector = sa.inspect(connection)
        checks = {
            check["name"]: check["sqltext"] for check in inspector.get_check_constraints("tasks")
        }
        indexes = {index["name"]: index for index in inspector.get_indexes("tasks")}
        assert inspector.get_pk_constraint("tasks")["name"] == "pk_tasks"
    assert set(checks) == {
        f"ck_tasks_{name}"
        for name in (
            *("user_id", "title", "description", "due_date", "priority", "tags"),
            "idempotency_key",
        )
    }
    orders = ("created_at_id", "updated_at", "title", "priority", "due_date", "due_date_descending")
    others = ("version_id", "idempotency_key")
    assert set(indexes) == {f"ix_tasks_user_id_{name}" for name in (*orders, *others)} | {
        "ix_tasks_deleted_at"
    }
    assert {name for name, index in indexes.items() if index["unique"]} == {
        "ix_tasks_user_id_idempotency_key"
    }
    index = indexes["ix_tasks_user_id_created_at_id"]
    assert index["column_names"] == ["user_id", "created_at", "id"]
    assert index["column_sorting"] == {
        "created_at": ("desc",),
        "id": ("desc",),
    }


def test_migrations_and_models_create_the_same_schema(empty: Flask) -> None:
    """Alembic does not compare CHECKs, so compare the definitions that PostgreSQL prints."""
    definitions = sa.text(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = 'tasks'::regclass"
        " UNION ALL SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'tasks'"
        " UNION ALL SELECT column_name, concat_ws(' ', udt_name, is_nullable, column_default)"
        " FROM information_schema.columns WHERE table_name = 'tasks'"
    )
    schemas = []
    flask_migrate.upgrade()
    engine = sa.create_engine(empty.extensions["engine"].url, poolclass=sa.NullPool)
    for _ in range(2):
        with engine.begin() as connection:
            schemas.append({tuple(row) for row in connection.execute(definitions)})
            metadata.drop_all(connection)
            metadata.create_all(connection)
    migrated, modelled = schemas
    assert len(migrated) >= 11 + 6 + 6
    assert not modelled - migrated, (
        f"in the models, in no migration: {modelled - migrated};"
        ' run make migration m="...", and write CHECKs by hand'
    )
    assert not migrated - modelled, (
        f"in the migrations, not in the models: {migrated - modelled};"
        " add it to todo_api/models.py, or drop it in a new migration"
    )


@pytest.mark.parametrize(
    ("row", "constraint"),
    [
        ({"title": ""}, "ck_tasks_title"),
        ({"title": "x" * 201}, "ck_tasks_title"),
        ({"title": " x"}, "ck_tasks_title"),
        ({"title": "x\n"}, "ck_tasks_title"),
        ({"description": "x" * 10_001}, "ck_tasks_description"),
        ({"user_id": ""}, "ck_tasks_user_id"),
        ({"user_id": "  "}, "ck_tasks_user_id"),
        ({"user_id": "x" * 256}, "ck_tasks_user_id"),
        *(({"due_date": day}, "ck_tasks_due_date") for day in ("infinity", "10000-01-01")),
        *(
            (
                {"idempotency_key": key, "idempotency_hash": hash_},
                "ck_tasks_idempotency_key",
            )
            for key, hash_ in (
                ("", "0" * 64),
                ("x" * 256, "0" * 64),
                ("x\n", "0" * 64),
                ("é", "0" * 64),
                ("x", None),
                ("x", "0"),
                (None, "0" * 64),
            )
        ),
        ({"priority": "urgent"}, "ck_tasks_priority"),
        ({"priority": "High"}, "ck_tasks_priority"),
        *(
            ({"tags": tags}, "ck_tasks_tags")
            for tags in (
                [""],
                [None],
                ["x", ""],
                ["x" * 51],
                ["Home"],
                [" x"],
                ["x "],
                ["x\ny"],
                ["x"] * 11,
            )
        ),
    ],
)
def test_database_enforces_each_limit_too(app: Flask, row: dict[str, Any], constraint: str) -> None:
    with (
        app.extensions["engine"].connect() as connection,
        pytest.raises(sa.exc.IntegrityError) as error,
    ):
        connection.execute(sa.insert(tasks), {"user_id": "u", "title": "x"} | row)
    assert isinstance(error.value.orig, psycopg2.IntegrityError)
    assert error.value.orig.diag.constraint_name == constraint


@pytest.mark.parametrize(
    "query",
    [
        *("?limit=9", "?status=active&limit=9", "?status=completed&limit=1"),
        *(f"?sort={sort}&limit=2" for sort in SORTS),
    ],
)
@pytest.mark.parametrize("page", ["first", "second"])
def test_page_is_an_index_scan_without_a_sort(
    app: Flask, client: Client, user: str, query: str, page: str
) -> None:
    engine = app.extensions["engine"]
    statements: list[str] = []

    def record(_: Any, cursor: Any, *__: Any) -> None:
        statements.append(cursor.query.decode())

    with engine.connect() as connection:
        connection.execute(
            sa.insert(tasks),
            [{"user_id": user, "title": "x", "completed": n % 2 == 0} for n in range(2_000)],
        )
        connection.exec_driver_sql("ANALYZE tasks")
        path = f"/api/tasks{query}"
        if page == "second":
            path = next_link(client.get(path))
        sa.event.listen(engine, "after_cursor_execute", record)
        assert client.get(path).status_code == 200
        sa.event.remove(engine, "after_cursor_execute", record)
        (statement,) = statements
        explain = statement.partition("; ")[2].replace("%", "%%")
        if "sort" in query:  # no plan may need a sort, even if it is cheaper here
            connection.exec_driver_sql("SET enable_sort = off; SET enable_bitmapscan = off")
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {explain}").scalars())
        connection.exec_driver_sql("RESET ALL")
    assert re.search(r"Index Scan (Backward )?using ix_tasks_user_id_", plan), plan
    assert "Sort" not in plan
    assert len(re.findall("Index Cond: .*ROW", plan)) == (page == "second")


def test_migrations_use_the_unpooled_url(new_database: NewDatabase, make_app: MakeApp) -> None:
    absent = "postgresql+psycopg2://u:p@127.0.0.1:1/db"
    with new_database() as url:
        app = make_app(database_url=absent, database_url_unpooled=url)
        with app.app_context():
            flask_migrate.upgrade()
        with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
            assert sa.inspect(connection).has_table("tasks")


def test_role_with_only_row_privileges_can_serve(
    empty: Flask, make_app: MakeApp, token: Token
) -> None:
    flask_migrate.upgrade()
    engine = empty.extensions["engine"]
    role = f"role_{uuid.uuid4().hex}"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN PASSWORD '{role}'")
        connection.exec_driver_sql(
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON tasks, accounts TO {role}"
        )
    try:
        url = engine.url.set(drivername="postgresql", username=role, password=role)
        app = make_app(
            database_url=url.render_as_string(hide_password=False), database_url_unpooled=None
        )
        client = Client(app, token("ann"))
        task = client.post("/api/tasks", json={"title": "x"}).headers["Location"]
        assert client.patch(f"{task}/complete").json["completed"] is True
        assert len(client.get("/api/tasks").json) == 1
        assert client.delete(task).status_code == 204
        assert client.get("/ready").status_code == 200
        app.extensions["engine"].dispose()
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {role}")
            connection.exec_driver_sql(f"DROP ROLE {role}")


def test_migrating_through_a_pooler_logs_a_warning(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    url = "postgresql://u:p@ep-x-pooler.invalid:1/db?hostaddr=127.0.0.1"
    app = make_app(database_url=url, database_url_unpooled=None)
    logger = logging.getLogger("alembic.env")
    logger.addHandler(caplog.handler)
    try:
        with app.app_context(), pytest.raises(sa.exc.OperationalError):
            flask_migrate.upgrade()
    finally:
        logger.removeHandler(caplog.handler)
    assert "migrating through a pooler" in caplog.text


def test_migration_times_out_waiting_for_a_lock(empty: Flask) -> None:
    flask_migrate.upgrade()
    engine = empty.extensions["engine"]
    with engine.connect().execution_options(isolation_level="READ COMMITTED") as connection:
        connection.exec_driver_sql("LOCK TABLE tasks IN ACCESS SHARE MODE")
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
            flask_migrate.downgrade(revision="base")
    assert "tasks" in tables(empty)


@pytest.mark.usefixtures("empty")
def test_new_migration_gets_the_next_number_and_an_empty_one_is_not_written(folder: Path) -> None:
    migrations = folder / "migrations"
    shutil.copytree(ROOT / "migrations", migrations, ignore=shutil.ignore_patterns("__pycache__"))
    flask_migrate.upgrade(directory=str(migrations))
    flask_migrate.migrate(directory=str(migrations), message="nothing new")
    count = len(list((migrations / "versions").glob("*.py")))
    assert count == len(list((ROOT / "migrations/versions").glob("*.py")))
    flask_migrate.revision(directory=str(migrations), message="by hand")
    assert (migrations / f"versions/{count + 1:04}_by_hand.py").exists()


def test_loggers_outlive_a_migration(empty: Flask) -> None:
    logger = logging.getLogger("todo_api.logs")
    flask_migrate.upgrade()
    assert not logger.disabled
    assert not empty.logger.disabled


def test_offline_mode_prints_the_sql(empty: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    flask_migrate.upgrade(sql=True)
    script = capsys.readouterr().out
    assert "CREATE TABLE tasks" in script
    assert "SET lock_timeout = '5s'" in script
    assert tables(empty) == set()
