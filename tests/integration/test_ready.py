"""`/ready`: whether the database has what this version needs, whatever its revision."""

from time import time

import flask_migrate
import pytest
import sqlalchemy as sa
from flask import Flask

from tests.support.client import Client, JsonResponse
from tests.support.log import Lines
from tests.support.roles import role_with
from todo_api.database.models import metadata
from todo_api.http import clock, health


def ask(app: Flask) -> JsonResponse:
    return Client(app).get("/ready")


def change(app: Flask, statement: str) -> None:
    with app.extensions["engine"].connect() as connection:
        connection.exec_driver_sql(statement)


def test_database_without_the_schema_is_not_ready(empty: Flask, lines: Lines) -> None:
    response = ask(empty)
    assert (response.status_code, response.json["error_type"]) == (503, "service_unavailable_error")
    assert response.headers["Retry-After"] == "1"
    others = sum(len(table.c) for table in metadata.tables.values()) - 1
    assert lines.events("ERROR") == [
        f"not ready: the database has no accounts.user_id and {others} more columns."
        " Run: flask db upgrade"
    ]


def test_older_schema_is_not_ready(empty: Flask, lines: Lines) -> None:
    flask_migrate.upgrade(revision="0005")
    assert ask(empty).status_code == 503
    assert "Run: flask db upgrade" in lines.events("ERROR")[-1]
    flask_migrate.upgrade()
    assert ask(empty).status_code == 200


def test_newer_schema_is_ready_while_it_has_the_columns(migrated: Flask, lines: Lines) -> None:
    change(migrated, "UPDATE alembic_version SET version_num = '9999'")
    change(migrated, "ALTER TABLE tasks ADD COLUMN newer text")
    assert ask(migrated).status_code == 200
    change(migrated, "ALTER TABLE tasks DROP COLUMN tags")
    assert ask(migrated).status_code == 503
    assert lines.events("ERROR") == [
        "not ready: the database has no tasks.tags. Run: flask db upgrade",
    ]


def test_role_that_may_not_read_is_not_ready(shared: Flask, lines: Lines) -> None:
    with role_with(shared, "SELECT ON accounts") as app:
        assert ask(app).status_code == 503
    assert lines.events("ERROR") == [
        "not ready: the role of DATABASE_URL may not read tasks.id. Run: flask doctor"
    ]


def test_role_needs_no_right_on_the_revision(shared: Flask) -> None:
    with role_with(shared, "SELECT ON tasks, accounts") as app:
        assert ask(app).status_code == 200


def test_locked_table_is_ready(shared: Flask) -> None:
    engine = sa.create_engine(shared.extensions["settings"].database_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("LOCK TABLE tasks, accounts")
        assert ask(shared).status_code == 200


@pytest.mark.parametrize(("ahead", "warnings"), [(-3600, 1), (-2, 0), (0, 0), (3600, 1)])
def test_wrong_clock_is_ready_with_a_warning(
    app: Flask, lines: Lines, monkeypatch: pytest.MonkeyPatch, ahead: int, warnings: int
) -> None:
    app.extensions["due"].clear()
    for module in (health, clock):
        monkeypatch.setattr(module, "time", lambda: time() + ahead)
    assert ask(app).status_code == 200
    assert lines.events("WARNING") == [health.WRONG_CLOCK] * warnings
    for line in lines.parsed()[:warnings]:
        assert line["seconds_behind"] == pytest.approx(-ahead, abs=60)


@pytest.mark.parametrize(
    ("database", "behind"), [(90, -10), (100, 0), (107, 0), (120, 0), (130, 10)]
)
def test_slow_response_is_no_difference_of_the_clocks(
    monkeypatch: pytest.MonkeyPatch, database: int, behind: int
) -> None:
    monkeypatch.setattr(clock, "time", lambda: 120)
    assert clock.seconds_behind(database, asked=100) == behind
