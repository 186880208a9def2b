"""The schema: its names, its limits and its indexes."""

import re
from typing import Any

import psycopg2
import pytest
import sqlalchemy as sa
from flask import Flask

from tests.support.api import create, next_link
from tests.support.client import Client, Token
from tests.support.complete import assert_complete
from todo_api.database.models import metadata, tasks


def test_constraints_and_indexes_have_their_names(shared: Flask) -> None:
    url = shared.extensions["settings"].database_url
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        inspector = sa.inspect(connection)
        checks = {str(check["name"]) for check in inspector.get_check_constraints("tasks")}
        indexes = {index["name"]: index for index in inspector.get_indexes("tasks")}
        assert inspector.get_pk_constraint("tasks")["name"] == "pk_tasks"
    assert checks
    unnamed = checks - {f"ck_tasks_{column.name}" for column in tasks.columns}
    assert not unnamed, f"name each CHECK after its column in the migration: {unnamed}"
    expected = {
        "ix_tasks_deleted_at",
        "ix_tasks_user_id_created_at_id",
        "ix_tasks_user_id_idempotency_key",
        "ix_tasks_user_id_version_id",
    }
    assert_complete(
        expected, indexes, "`expected` of tests/integration/test_schema.py, if intended"
    )
    assert {name for name, index in indexes.items() if index["unique"]} == {
        "ix_tasks_user_id_idempotency_key"
    }
    newest_first = indexes["ix_tasks_user_id_created_at_id"]
    assert newest_first["column_names"] == ["user_id", "created_at", "id"]
    assert newest_first["column_sorting"] == dict.fromkeys(("created_at", "id"), ("desc",))


def test_migrations_and_models_create_the_same_schema(migrated: Flask) -> None:
    """Alembic does not compare CHECKs, so compare the definitions that PostgreSQL prints."""
    definitions = sa.text(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = 'tasks'::regclass"
        " UNION ALL SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'tasks'"
        " UNION ALL SELECT column_name, concat_ws(' ', udt_name, is_nullable, column_default)"
        " FROM information_schema.columns WHERE table_name = 'tasks'"
    )
    schemas = []
    engine = sa.create_engine(migrated.extensions["settings"].database_url, poolclass=sa.NullPool)
    for _ in range(2):
        with engine.begin() as connection:
            schemas.append({tuple(row) for row in connection.execute(definitions)})
            metadata.drop_all(connection)
            metadata.create_all(connection)
    by_migrations, modelled = schemas
    assert len(by_migrations) >= 11 + 6 + 6
    missing, unmodelled = modelled - by_migrations, by_migrations - modelled
    assert not missing, (
        'run make migration m="...", and write CHECKs into it by hand: no migration has'
        f" {missing}, but the models do; the migrations have {unmodelled or 'nothing'} instead"
    )
    assert not unmodelled, (
        "add this to todo_api/database/models.py, or drop it in a new migration:"
        f" only the migrations have {unmodelled}"
    )


def test_no_id_is_beyond_what_javascript_represents_exactly(migrated: Flask, token: Token) -> None:
    client = Client(migrated, token("ann"))
    with migrated.extensions["engine"].connect() as connection:
        connection.exec_driver_sql(f"ALTER TABLE tasks ALTER COLUMN id RESTART {2**53 - 1}")
        last = create(client)
        assert last["id"] == 2**53 - 1
        assert client.get(f"/api/tasks/{last['id']}").json == last
        with pytest.raises(sa.exc.DBAPIError, match="2200H"):
            connection.exec_driver_sql("INSERT INTO tasks (user_id, title) VALUES ('ann', 'x')")


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


def test_message_of_a_database_error_quotes_no_row(app: Flask) -> None:
    """Tools that observe the service send the messages of exceptions."""
    with (
        app.extensions["engine"].connect() as connection,
        pytest.raises(sa.exc.IntegrityError, match="violates check constraint") as error,
    ):
        connection.execute(sa.insert(tasks), {"user_id": "u", "title": " hush"})
    assert "hush" not in str(error.value)


@pytest.mark.parametrize(
    "query",
    [
        *("?limit=9", "?status=active&limit=9", "?status=completed&limit=1"),
        *("?sort=created_at&limit=2", "?sort=-created_at&limit=2"),
    ],
)
@pytest.mark.parametrize("page", ["first", "second"])
def test_page_sorted_by_creation_is_an_index_scan_without_a_sort(
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
        explain = statement.rpartition("; ")[2].replace("%", "%%")
        if "sort" in query:  # no plan may need a sort, even if it is cheaper here
            connection.exec_driver_sql("SET enable_sort = off; SET enable_bitmapscan = off")
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {explain}").scalars())
        connection.exec_driver_sql("RESET ALL")
    assert re.search(r"Index Scan (Backward )?using ix_tasks_user_id_", plan), plan
    assert "Sort" not in plan
    assert len(re.findall("Index Cond: .*ROW", plan)) == (page == "second")
