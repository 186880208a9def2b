"""The migrations make what the models say, and unmake it."""

import logging
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from config import Config
from tests import ROOT, SECRET
from tests.conftest import Token
from todo_api import create_app
from todo_api.models import metadata, tasks


@pytest.fixture
def empty(new_database: Callable[[], Any]) -> Iterator[Flask]:
    """The service with a database that holds nothing yet."""
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
    flask_migrate.check()
    assert tables(empty) == {"alembic_version", *metadata.tables}
    flask_migrate.downgrade(revision="base")
    assert tables(empty) == {"alembic_version"}
    flask_migrate.upgrade()
    flask_migrate.check()


def test_drift_is_noticed(empty: Flask) -> None:
    flask_migrate.upgrade()
    with empty.extensions["engine"].connect() as connection:
        connection.exec_driver_sql("ALTER TABLE tasks ALTER COLUMN completed SET DEFAULT true")
    with pytest.raises(SystemExit):
        flask_migrate.check()


def test_constraints_and_index_have_their_names(empty: Flask) -> None:
    flask_migrate.upgrade()
    engine = sa.create_engine(empty.extensions["engine"].url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        inspector = sa.inspect(connection)
        checks = {
            check["name"]: check["sqltext"] for check in inspector.get_check_constraints("tasks")
        }
        (index,) = inspector.get_indexes("tasks")
        assert inspector.get_pk_constraint("tasks")["name"] == "pk_tasks"
    assert set(checks) == {"ck_tasks_user_id", "ck_tasks_title", "ck_tasks_description"}
    assert index["name"] == "ix_tasks_user_id_created_at_id"
    assert index["column_names"] == ["user_id", "created_at", "id"]
    assert index["column_sorting"] == {
        "created_at": ("desc",),
        "id": ("desc",),
    }


def test_constraints_of_the_tables_are_those_of_the_models(empty: Flask) -> None:
    """Alembic compares no CHECKs: let PostgreSQL write down both and compare that."""
    flask_migrate.upgrade()
    definition = sa.text(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = :name"
    )
    checks = [item for item in tasks.constraints if isinstance(item, sa.CheckConstraint)]
    assert len(checks) == 3
    with empty.extensions["engine"].connect() as connection:
        for check in checks:
            connection.exec_driver_sql(
                f"ALTER TABLE tasks ADD CONSTRAINT model CHECK ({check.sqltext})"
            )
            modelled = connection.execute(definition, {"name": "model"}).scalar_one()
            migrated = connection.execute(definition, {"name": check.name}).scalar_one()
            connection.exec_driver_sql("ALTER TABLE tasks DROP CONSTRAINT model")
            assert migrated == modelled


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
    ],
)
def test_database_holds_each_limit_too(app: Flask, row: dict[str, str], constraint: str) -> None:
    with (
        app.extensions["engine"].connect() as connection,
        pytest.raises(sa.exc.IntegrityError) as refusal,
    ):
        connection.execute(sa.insert(tasks), {"user_id": "u", "title": "x"} | row)
    assert refusal.value.orig.diag.constraint_name == constraint


@pytest.mark.parametrize("query", ["", "?status=active", "?status=completed&limit=1"])
def test_page_is_an_index_scan_without_a_sort(
    app: Flask, client: FlaskClient, user: str, query: str
) -> None:
    engine = app.extensions["engine"]
    sent: list[str] = []

    def record(_: Any, cursor: Any, *__: Any) -> None:
        sent.append(cursor.query.decode())

    with engine.connect() as connection:
        connection.execute(
            sa.insert(tasks),
            [{"user_id": user, "title": "x", "completed": n % 2 == 0} for n in range(2_000)],
        )
        connection.exec_driver_sql("ANALYZE tasks")
        sa.event.listen(engine, "after_cursor_execute", record)
        assert client.get(f"/api/tasks{query}").status_code == 200
        sa.event.remove(engine, "after_cursor_execute", record)
        (statement,) = sent
        explain = statement.partition("; ")[2]
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {explain}").scalars())
    assert "Index Scan using ix_tasks_user_id_created_at_id" in plan
    assert "Sort" not in plan


def test_unpooled_url_is_the_one_migrated(new_database: Callable[[], Any], config: Config) -> None:
    absent = "postgresql+psycopg2://u:p@127.0.0.1:1/db"
    with new_database() as url:
        app = create_app(replace(config, database_url=absent, database_url_unpooled=url))
        with app.app_context():
            flask_migrate.upgrade()
        with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
            assert sa.inspect(connection).has_table("tasks")


def test_role_that_may_only_change_rows_serves(empty: Flask, token: Token) -> None:
    flask_migrate.upgrade()
    engine = empty.extensions["engine"]
    role = f"role_{uuid.uuid4().hex}"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN PASSWORD '{role}'")
        connection.exec_driver_sql(f"GRANT SELECT, INSERT, UPDATE, DELETE ON tasks TO {role}")
    try:
        url = engine.url.set(username=role, password=role).render_as_string(hide_password=False)
        app = create_app(Config(SECRET, url))
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token('ann')}"
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


def test_pooler_is_warned_of(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    url = "postgresql://u:p@ep-x-pooler.invalid:1/db?hostaddr=127.0.0.1"
    app = create_app(replace(config, database_url=url, database_url_unpooled=None))
    logger = logging.getLogger("alembic.env")
    logger.addHandler(caplog.handler)
    try:
        with app.app_context(), pytest.raises(sa.exc.OperationalError):
            flask_migrate.upgrade()
    finally:
        logger.removeHandler(caplog.handler)
    assert "migrating through a pooler" in caplog.text


def test_migration_does_not_wait_for_a_lock_for_long(empty: Flask) -> None:
    flask_migrate.upgrade()
    engine = empty.extensions["engine"]
    with engine.connect().execution_options(isolation_level="READ COMMITTED") as connection:
        connection.exec_driver_sql("LOCK TABLE tasks IN ACCESS SHARE MODE")
        with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
            flask_migrate.downgrade(revision="base")
    assert "tasks" in tables(empty)


CONCURRENT = """
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("SELECT pg_sleep(1)")
    with op.get_context().autocommit_block():
        op.create_index("ix_title", "tasks", ["title"], postgresql_concurrently=True)
    op.execute("CREATE TABLE seen AS SELECT current_setting('lock_timeout') AS lock_timeout")
"""


def test_two_releases_migrate_one_after_the_other(empty: Flask, folder: Path) -> None:
    """Also where a migration commits on its way, and keeping what env.py set."""
    migrations = folder / "migrations"
    shutil.copytree(ROOT / "migrations", migrations)
    (migrations / "versions/0002_index_titles.py").write_text(CONCURRENT)
    url = empty.config["SETTINGS"].database_url
    release = [Path(sys.executable).with_name("flask"), "db", "upgrade", "-d", migrations]
    environ = {"PATH": os.environ["PATH"], "BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": url}
    both = [
        subprocess.Popen(release, cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert sum("Running upgrade 0001 -> 0002" in text for text in told) == 1
    assert sum("another migration is running" in text for text in told) == 1
    with empty.extensions["engine"].connect() as connection:
        assert connection.exec_driver_sql("SELECT lock_timeout FROM seen").scalars().all() == ["5s"]
        valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_title'::regclass"
        assert connection.exec_driver_sql(valid).scalar_one()


@pytest.mark.usefixtures("empty")
def test_new_migration_gets_the_next_number_and_none_is_made_of_nothing(folder: Path) -> None:
    migrations = folder / "migrations"
    shutil.copytree(ROOT / "migrations", migrations, ignore=shutil.ignore_patterns("__pycache__"))
    flask_migrate.upgrade(directory=str(migrations))
    flask_migrate.migrate(directory=str(migrations), message="nothing new")
    assert len(list((migrations / "versions").glob("*.py"))) == 1
    flask_migrate.revision(directory=str(migrations), message="by hand")
    assert (migrations / "versions/0002_by_hand.py").exists()


def test_loggers_outlive_a_migration(empty: Flask) -> None:
    logger = logging.getLogger("todo_api.logs")
    flask_migrate.upgrade()
    assert not logger.disabled
    assert not empty.logger.disabled


def test_sql_can_be_printed_instead(empty: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    flask_migrate.upgrade(sql=True)
    script = capsys.readouterr().out
    assert "CREATE TABLE tasks" in script
    assert "SET lock_timeout = '5s'" in script
    assert tables(empty) == set()
