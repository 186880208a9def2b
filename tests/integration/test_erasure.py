"""An account with many tasks is erased in batches, and nothing brings it back."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.support.api import add_tasks, create
from tests.support.client import Client, JsonResponse, MakeClient
from tests.support.waiting import wait_until
from todo_api.accounts import queries
from todo_api.database.models import accounts

BATCH = queries.ERASE_BATCH


def purge(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["tasks", "purge", "--older-than", "0d"])
    assert result.exit_code == 0, result.output


def account_of(app: Flask, user: str) -> Any:
    with app.extensions["engine"].connect() as connection:
        query = sa.select(accounts).where(accounts.c.user_id == user)
        return connection.execute(query).one_or_none()


def total(client: Client) -> int:
    count: int = client.get("/api/tasks/stats").json["total"]
    return count


def test_large_account_is_erased_in_batches(app: Flask, client: Client, user: str) -> None:
    create(client)
    add_tasks(app, user, 2 * BATCH)
    since = client.get("/api/tasks/changes?limit=1").json["next"]
    for left in (BATCH + 1, 1):
        answer = client.delete("/api/account")
        assert (answer.status_code, answer.data) == (202, b"")
        assert answer.headers["Retry-After"] == "0"
        assert total(client) == left
        assert client.get(f"/api/tasks/changes?since={since}").status_code == 410
    assert client.delete("/api/account").status_code == 204
    assert account_of(app, user) is None
    assert total(client) == 0


def test_purge_finishes_an_erasure_that_the_client_gave_up(
    app: Flask, client: Client, client_of: MakeClient, user: str
) -> None:
    other = client_of(f"other-{user}")
    create(other)
    add_tasks(app, user, 2 * BATCH + 1)
    assert client.delete("/api/account").status_code == 202
    purge(app)
    assert (total(client), account_of(app, user), total(other)) == (0, None, 1)


def test_purge_keeps_what_was_created_after_the_erasure(
    app: Flask, client: Client, user: str
) -> None:
    add_tasks(app, user, BATCH + 1)
    assert client.delete("/api/account").status_code == 202
    kept = create(client)
    since = client.get("/api/tasks/changes").json["next"]
    purge(app)
    assert client.get("/api/tasks").json == [kept]
    account = account_of(app, user)
    assert account.erased_version is None
    assert client.get(f"/api/tasks/changes?since={since}").status_code == 410
    create(client)
    assert account_of(app, user).task_count == 2


@pytest.fixture
def held(app: Flask) -> Iterator[sa.Connection]:
    """A connection for a transaction that does not end by itself."""
    engine = app.extensions["engine"].execution_options(isolation_level="READ COMMITTED")
    with engine.connect() as connection:
        yield connection


WRITES: dict[str, Callable[[Client, str], JsonResponse]] = {
    "change": lambda client, path: client.patch(path, json={"title": "y"}),
    "toggle": lambda client, path: client.patch(f"{path}/complete"),
    "delete": lambda client, path: client.delete(path),
    "bulk": lambda client, path: client.patch(
        "/api/tasks", json={"ids": [int(path.rpartition("/")[2])], "changes": {"title": "y"}}
    ),
}


@pytest.mark.parametrize("write", WRITES)
def test_write_that_waited_for_an_erasure_does_not_bring_the_account_back(
    app: Flask, client: Client, user: str, held: sa.Connection, write: str
) -> None:
    path = f"/api/tasks/{create(client)['id']}"
    backend = held.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    held.execute(queries.ERASE, {"owner": user})
    blocked = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE :pid = ANY(pg_blocking_pids(pid))"
    )

    def waits() -> bool:
        with app.extensions["engine"].connect() as connection:
            return bool(connection.execute(blocked, {"pid": backend}).scalar_one())

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(WRITES[write], client, path)
        wait_until(waits, "the write does not wait")
        held.commit()
        answer = waiting.result(30)
    assert (
        (answer.status_code, answer.json) == (200, [])
        if write == "bulk"
        else (answer.status_code == 404)
    )
    assert account_of(app, user) is None


def test_purge_removes_an_account_that_only_a_sync_has_opened(
    app: Flask, client: Client, client_of: MakeClient, user: str
) -> None:
    other = client_of(f"other-{user}")
    create(other)
    assert client.get("/api/tasks/changes").status_code == 200
    assert account_of(app, user) is not None
    purge(app)
    assert account_of(app, user) is None
    assert account_of(app, f"other-{user}") is not None
    since = client.get("/api/tasks/changes").json["next"]
    create(client)
    assert len(client.get(f"/api/tasks/changes?since={since}").json["tasks"]) == 1
