"""Concurrent writes of one task."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.support.api import create
from tests.support.client import Client, MakeApp, Token
from tests.support.roles import role_with
from tests.support.waiting import LIMIT, wait_until


def send_concurrently(app: Flask, client: Client, times: int, **request: Any) -> list[int]:
    """Send the same request from several threads. Return the status codes."""

    def send(_: int) -> int:
        other = Client(app, client.token)
        return other.open(**request).status_code

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(send, range(times)))


def test_concurrent_toggles_are_all_applied(app: Flask, client: Client) -> None:
    path = f"/api/tasks/{create(client)['id']}"
    assert send_concurrently(app, client, 41, path=f"{path}/complete", method="PATCH") == [200] * 41
    assert client.get(path).json["completed"] is True


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_default_isolation_level_of_a_role_does_not_matter(
    own_app: Flask, make_app: MakeApp, token: Token, user: str, level: str
) -> None:
    with role_with(own_app, "SELECT, INSERT, UPDATE, DELETE ON tasks, accounts") as limited:
        url = limited.extensions["settings"].database_url
        with own_app.extensions["engine"].connect() as connection:
            connection.exec_driver_sql(
                f"ALTER ROLE {sa.make_url(url).username}"
                f" SET default_transaction_isolation = '{level}'"
            )
        app = make_app(database_url=url)
        client = Client(app, token(user))
        path = f"/api/tasks/{create(client)['id']}"
        statuses = send_concurrently(app, client, 41, path=f"{path}/complete", method="PATCH")
        assert statuses == [200] * 41
        assert client.get(path).json["completed"] is True
        app.extensions["engine"].dispose()


def test_one_of_several_concurrent_deletes_succeeds(app: Flask, client: Client) -> None:
    path = f"/api/tasks/{create(client)['id']}"
    statuses = send_concurrently(app, client, 8, path=path, method="DELETE")
    assert sorted(statuses) == [204] + [404] * 7


def test_update_that_waited_for_a_lock_gets_the_later_timestamp(app: Flask, client: Client) -> None:
    task = create(client)
    change = sa.text(
        "UPDATE tasks SET updated_at = clock_timestamp() WHERE id = :id RETURNING updated_at"
    )
    waiting = sa.text(
        "SELECT count(*) FROM pg_locks"
        " WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    )
    engine = app.extensions["engine"].execution_options(isolation_level="READ COMMITTED")
    with engine.connect() as first, ThreadPoolExecutor(1) as pool:
        first.execute(change, {"id": task["id"]})
        second = pool.submit(client.patch, f"/api/tasks/{task['id']}", json={"title": "y"})
        wait_until(lambda: first.execute(waiting).scalar_one(), "the update does not wait")
        changed = first.execute(change, {"id": task["id"]}).scalar_one()
        first.commit()
        assert datetime.fromisoformat(second.result(LIMIT).json["updated_at"]) > changed
