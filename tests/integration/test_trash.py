"""The trash: deleted tasks can be restored until they are purged."""

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.support.api import create, run_before
from tests.support.client import Client, MakeApp, MakeClient
from tests.support.owner import USER_TABLES
from todo_api.database.engine import execute
from todo_api.database.models import metadata
from todo_api.tasks import purge as purging
from todo_api.tasks import queries


def test_deleted_task_is_in_the_trash_and_nowhere_else(client: Client) -> None:
    kept, deleted = create(client, title="kept"), create(client, title="deleted")
    path = f"/api/tasks/{deleted['id']}"
    assert client.delete(path).status_code == 204
    (trashed,) = client.get("/api/tasks?status=deleted").json
    assert trashed["deleted_at"] > trashed["created_at"]
    assert trashed == deleted | {"version": 3, "deleted_at": trashed["deleted_at"]}
    for status in ("all", "active", "completed"):
        assert deleted["id"] not in [
            task["id"] for task in client.get(f"/api/tasks?status={status}").json
        ]
    assert client.get("/api/tasks/stats").json["total"] == 1
    assert client.get("/api/tasks/stats?status=deleted").json["total"] == 1
    changes = {"ids": [deleted["id"], kept["id"]], "changes": {"title": "y"}}
    assert [task["id"] for task in client.patch("/api/tasks", json=changes).json] == [kept["id"]]
    requests: list[tuple[str, str, Any]] = [
        ("GET", "", None),
        ("PATCH", "", {"title": "y"}),
        ("PUT", "", {"title": "y"}),
        ("PATCH", "/complete", None),
        ("DELETE", "", None),
    ]
    for method, suffix, body in requests:
        assert client.open(path + suffix, method=method, json=body).status_code == 404


def test_restored_task_is_unchanged(client: Client) -> None:
    fields = {"tags": ["home"], "due_date": "2026-12-24", "completed": True}
    task = create(client, **fields)
    path = f"/api/tasks/{task['id']}"
    client.delete(path)
    restored = client.post(f"{path}/restore")
    assert (restored.status_code, restored.json) == (200, task | {"version": 3})
    again = client.post(f"{path}/restore")
    assert (again.status_code, again.json) == (200, restored.json)
    assert client.get(path).json == restored.json


def test_restore_of_an_absent_or_foreign_task_is_a_404(
    client: Client, client_of: MakeClient, user: str
) -> None:
    task = create(client)
    client.delete(f"/api/tasks/{task['id']}")
    foreign = client_of(f"other-{user}").post(f"/api/tasks/{task['id']}/restore")
    assert foreign.status_code == 404
    assert client.post(f"/api/tasks/{2**52}/restore").status_code == 404
    assert len(client.get("/api/tasks?status=deleted").json) == 1


def test_task_deleted_during_its_restore_is_restored(client: Client) -> None:
    path = f"/api/tasks/{create(client)['id']}"
    other = Client(client.application, client.token)
    with run_before(queries.GET_ANYWHERE, lambda: other.delete(path)):
        assert client.post(f"{path}/restore").json["deleted_at"] is None
    assert client.get(path).status_code == 200


def test_deleting_the_completed_tasks_goes_through_the_trash(client: Client) -> None:
    done = [create(client, completed=True) for _ in range(2)]
    kept = create(client)
    ids = [task["id"] for task in reversed(done)]
    answer = client.delete("/api/tasks?status=completed").json
    assert answer == {"deleted": 2, "ids": ids, "has_more": False}
    answer = client.delete("/api/tasks?status=completed").json
    assert answer == {"deleted": 0, "ids": [], "has_more": False}
    trash = client.get("/api/tasks?status=deleted&sort=created_at").json
    assert [task["id"] for task in trash] == [task["id"] for task in done]
    assert client.get("/api/tasks").json == [kept]


def purge(app: Flask, age: str) -> str:
    result = app.test_cli_runner().invoke(args=["tasks", "purge", "--older-than", age])
    assert result.exit_code == 0, result.output
    return result.output


def test_purge_removes_old_trash_of_all_users_in_batches(
    own_app: Flask, client_in: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "BATCH", 2)
    clients = [client_in(f"user-{number}") for number in range(3)]
    for client in clients:
        for _ in range(3):
            create(client, completed=True)
        create(client)
        client.delete("/api/tasks?status=completed")
    with own_app.extensions["engine"].connect() as connection:
        connection.execute(
            sa.text(
                "UPDATE tasks SET deleted_at = deleted_at - interval '31 days'"
                " WHERE user_id = 'user-0' AND deleted_at IS NOT NULL"
            )
        )
    assert purge(own_app, "30d") == "purged 3 tasks\n"
    assert purge(own_app, "30d") == "purged 0 tasks\n"
    assert purge(own_app, "0d") == "purged 6 tasks\n"
    for client in clients:
        assert client.get("/api/tasks?status=deleted").json == []
        assert len(client.get("/api/tasks").json) == 1


def test_etag_of_the_trash_changes_with_each_batch_of_a_purge(
    own_app: Flask, client_in: MakeClient
) -> None:
    client = client_in("user")
    for _ in range(2):
        create(client, completed=True)
    client.delete("/api/tasks?status=completed")
    tags = [client.get("/api/tasks?status=deleted").headers["ETag"]]
    for _ in range(2):
        with own_app.app_context():
            assert execute(purging.PURGE, cutoff="infinity", batch=1).scalar_one() == 1
        tags.append(client.get("/api/tasks?status=deleted").headers["ETag"])
    assert len(set(tags)) == 3


def test_purge_without_a_database_says_what_to_do(make_app: MakeApp) -> None:
    app = make_app(database_url="postgresql+psycopg2://u:p@127.0.0.1:1/db")
    result = app.test_cli_runner().invoke(args=["tasks", "purge", "--older-than", "30d"])
    assert result.exit_code == 1
    assert "The database is unavailable." in result.output
    assert "flask doctor" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("age", ["30", "d", "-1d", "1h", "1d\n", "100000d"])
def test_purge_takes_a_number_of_days(app: Flask, age: str) -> None:
    result = app.test_cli_runner().invoke(args=["tasks", "purge", "--older-than", age])
    assert result.exit_code == 2
    assert "must be a number of days, such as 30d" in result.output


def test_account_is_erased_with_all_it_has(
    app: Flask, client: Client, client_of: MakeClient, user: str
) -> None:
    other = client_of(f"other-{user}")
    theirs = create(other)
    kept = count_rows(app, f"other-{user}")
    for _ in range(2):
        create(client, completed=True)
    client.delete("/api/tasks?status=completed")
    create(client)
    for table, count in count_rows(app, user).items():
        assert count, f"store a row in {table} for this user here, so that the test sees it erased"
    for _ in range(2):
        response = client.delete("/api/account")
        assert (response.status_code, response.data) == (204, b"")
        assert client.get("/api/tasks").json == []
        assert client.get("/api/tasks?status=deleted").json == []
    left = [table for table, count in count_rows(app, user).items() if count]
    assert not left, f"add these tables to USER_TABLES of todo_api/accounts/queries.py: {left}"
    assert count_rows(app, f"other-{user}") == kept
    assert other.get("/api/tasks").json == [theirs]


def count_rows(app: Flask, user: str) -> dict[str, int]:
    """Return how many rows a user has in each table of users' rows."""
    with app.extensions["engine"].connect() as connection:
        return {
            name: connection.execute(
                sa.select(sa.func.count()).where(metadata.tables[name].c.user_id == user)
            ).scalar_one()
            for name in USER_TABLES
        }


NOT_OF_USERS: set[str] = set()
"""The tables that hold nothing of a user. Say why beside each name."""


def test_each_table_has_a_user_or_a_reason_to_have_none() -> None:
    unowned = metadata.tables.keys() - {*USER_TABLES} - NOT_OF_USERS
    assert not unowned, (
        f"add user_id to {unowned} in todo_api/database/models.py, so that the owner filter"
        " and the erasure are tested, or add it to NOT_OF_USERS of tests/integration/test_trash.py"
    )
