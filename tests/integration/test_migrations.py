"""The migrations create the schema of the models, and can undo it."""

import logging
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
import sqlalchemy as sa
from flask import Flask

from tests import ROOT
from tests.support.api import location
from tests.support.client import Client, MakeApp, Token
from tests.support.complete import assert_complete
from tests.support.log import Lines
from tests.support.postgres import NewDatabase
from tests.support.roles import role_with
from tests.support.waiting import LIMIT, wait_until
from todo_api.database.models import metadata, tasks


def tables(app: Flask) -> set[str]:
    with app.extensions["engine"].connect() as connection:
        return set(sa.inspect(connection).get_table_names())


def ask(app: Flask, query: str) -> Any:
    engine = sa.create_engine(app.extensions["settings"].database_url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return connection.exec_driver_sql(query).scalar_one()


def test_migrations_equal_the_models_and_can_be_undone(empty: Flask) -> None:
    flask_migrate.upgrade()
    expect_no_drift()
    assert_complete(
        metadata.tables, tables(empty) - {"alembic_version"}, "todo_api/database/models.py"
    )
    flask_migrate.downgrade(revision="base")
    left = tables(empty) - {"alembic_version"}
    assert not left, f"drop these in the downgrade of the migration that creates them: {left}"
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


def not_null(row: sa.Row[Any]) -> dict[str, Any]:
    return {name: value for name, value in row._mapping.items() if value is not None}


def test_rows_and_code_of_revision_0001_survive_the_upgrade(empty: Flask) -> None:
    flask_migrate.upgrade(revision="0001")
    url = empty.extensions["settings"].database_url
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        for statement in STATEMENTS_0001:
            rows = connection.exec_driver_sql(statement)
        before = [not_null(row) for row in rows]
        flask_migrate.upgrade()
        after = [not_null(row) for row in connection.execute(sa.select(tasks))]
        defaults = {"priority": "medium", "tags": [], "version": 0}
        assert after == [row | defaults for row in before]
        for statement in STATEMENTS_0001:
            connection.exec_driver_sql(statement)
        flask_migrate.downgrade(revision="0001")
        assert len(connection.exec_driver_sql(STATEMENTS_0001[-1]).all()) == 2


LONG_WAIT = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
AND query LIKE 'CREATE INDEX CONCURRENTLY%%' AND clock_timestamp() - query_start > '1 second'
"""


def test_index_creation_waits_for_old_transactions(empty: Flask, hasty: str) -> None:
    flask_migrate.upgrade(revision="0003")
    engine = empty.extensions["engine"].execution_options(isolation_level="READ COMMITTED")
    with engine.connect() as transaction, ThreadPoolExecutor(1) as pool:
        transaction.exec_driver_sql("INSERT INTO tasks (user_id, title) VALUES ('u', 'x')")

        def upgrade() -> None:
            with empty.app_context():
                flask_migrate.upgrade(directory=hasty)

        running = pool.submit(upgrade)
        try:
            wait_until(
                lambda: ask(empty, LONG_WAIT) or running.done(), "no index waits for so long"
            )
            assert not running.done()
        finally:
            transaction.rollback()
        running.result(LIMIT)
    flask_migrate.check()


CHECK_LEVEL = """
from alembic import op
revision = "9999"
down_revision = "{newest}"
FAIL_IF_STRICT = (
    "SELECT 1 / (current_setting('transaction_isolation') = 'read committed')::int"
)
def upgrade():
    op.execute(FAIL_IF_STRICT)
    with op.get_context().autocommit_block():
        op.execute(FAIL_IF_STRICT)
"""


def test_default_isolation_level_of_the_database_does_not_matter(empty: Flask, hasty: str) -> None:
    name = ask(empty, "SELECT current_database()")
    newest = max(path.name[:4] for path in Path(hasty, "versions").glob("0*.py"))
    with empty.extensions["engine"].connect() as connection:
        connection.exec_driver_sql(
            f"ALTER DATABASE {name} SET default_transaction_isolation = serializable"
        )
    Path(hasty, "versions/9999_check_level.py").write_text(CHECK_LEVEL.format(newest=newest))
    flask_migrate.upgrade(directory=hasty)
    assert ask(empty, "SELECT version_num FROM alembic_version") == "9999"


def test_index_left_by_an_interrupted_run_is_recreated(empty: Flask) -> None:
    flask_migrate.upgrade(revision="0003")
    with empty.extensions["engine"].connect() as connection:
        connection.exec_driver_sql("CREATE INDEX ix_tasks_user_id_title ON tasks (user_id)")
    flask_migrate.upgrade()
    flask_migrate.check()


def test_drift_fails_the_check(migrated: Flask) -> None:
    with migrated.extensions["engine"].connect() as connection:
        connection.exec_driver_sql("ALTER TABLE tasks ALTER COLUMN completed SET DEFAULT true")
    with pytest.raises(SystemExit):
        flask_migrate.check()


def test_migrations_use_the_unpooled_url(new_database: NewDatabase, make_app: MakeApp) -> None:
    absent = "postgresql+psycopg2://u:p@127.0.0.1:1/db"
    url = new_database()
    app = make_app(database_url=absent, database_url_unpooled=url)
    with app.app_context():
        flask_migrate.upgrade()
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        assert sa.inspect(connection).has_table("tasks")


def test_role_with_only_row_privileges_can_serve(migrated: Flask, token: Token) -> None:
    with role_with(migrated, "SELECT, INSERT, UPDATE, DELETE ON tasks, accounts") as app:
        client = Client(app, token("ann"))
        task = location(client.post("/api/tasks", json={"title": "x"}))
        assert client.patch(f"{task}/complete").json["completed"] is True
        assert len(client.get("/api/tasks").json) == 1
        assert client.delete(task).status_code == 204
        assert client.get("/ready").status_code == 200


def test_migrating_through_a_pooler_logs_a_warning(make_app: MakeApp, lines: Lines) -> None:
    url = "postgresql://u:p@ep-x-pooler.invalid:1/db?hostaddr=127.0.0.1"
    app = make_app(database_url=url, database_url_unpooled=None)
    with app.app_context(), pytest.raises(SystemExit):
        flask_migrate.upgrade()
    assert "migrating through a pooler" in lines.getvalue()


def test_migration_times_out_waiting_for_a_lock(migrated: Flask, hasty: str) -> None:
    engine = migrated.extensions["engine"]
    with engine.connect().execution_options(isolation_level="READ COMMITTED") as connection:
        connection.exec_driver_sql("LOCK TABLE tasks IN ACCESS SHARE MODE")
        with pytest.raises(SystemExit):
            flask_migrate.downgrade(directory=hasty, revision="base")
    assert "tasks" in tables(migrated)


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
