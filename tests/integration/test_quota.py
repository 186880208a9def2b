"""How many tasks one user may have."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import flask_migrate
import pytest
import sqlalchemy as sa
from flask import Flask

from tests.support.api import add_tasks, create, run_before
from tests.support.client import Client, JsonResponse, MakeApp, Token
from tests.support.waiting import wait_until
from todo_api.context import request_state
from todo_api.database.models import accounts, tasks
from todo_api.tasks import queries
from todo_api.tasks.item import create_once
from todo_api.tasks.schemas import NewTask

FULL = {
    "detail": "At most 5 tasks are allowed, with those in the trash. Erase some first.",
    "status_code": 403,
    "error_type": "quota_exceeded_error",
}


@pytest.fixture
def small(make_app: MakeApp) -> Flask:
    return make_app(max_tasks_per_user=5)


@pytest.fixture
def client(small: Flask, token: Token, user: str) -> Client:
    return Client(small, token(user))


def post(client: Client, **headers: str) -> JsonResponse:
    return client.post("/api/tasks", json={"title": "x"}, headers=headers)


def key(value: str) -> dict[str, str]:
    return {"Idempotency-Key": value}


def run(app: Flask, statement: sa.Executable) -> Any:
    with app.extensions["engine"].connect() as connection:
        return connection.execute(statement)


def count_of(app: Flask, user: str) -> Any:
    """Return the count that is kept, after a check that it is right."""
    kept = run(app, sa.select(accounts.c.task_count).where(accounts.c.user_id == user)).scalar()
    counted = sa.select(sa.func.count()).where(tasks.c.user_id == user)
    assert kept == run(app, counted).scalar()
    return kept


def purge(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["tasks", "purge", "--older-than", "0d"])
    assert result.exit_code == 0, result.output


def test_create_beyond_the_quota_is_refused_and_all_else_goes_on(client: Client) -> None:
    first = post(client, **key("first")).json
    made = [create(client) for _ in range(4)]
    for refused in (post(client), post(client, **key("last"))):
        assert (refused.status_code, refused.json) == (403, FULL)
    assert (post(client, **key("first")).status_code, post(client).status_code) == (200, 403)
    path = f"/api/tasks/{made[0]['id']}"
    assert client.patch(path, json={"title": "y"}).status_code == 200
    assert client.delete(path).status_code == 204
    assert post(client).status_code == 403
    assert client.post(f"{path}/restore").status_code == 200
    assert [task["id"] for task in client.get("/api/tasks?limit=500").json][-1] == first["id"]


def test_purge_empty_trash_and_erasure_make_room(client: Client, small: Flask, user: str) -> None:
    made = [create(client) for _ in range(5)]
    for task in made[:2]:
        client.delete(f"/api/tasks/{task['id']}")
    purge(small)
    assert count_of(small, user) == 3
    assert [post(client).status_code for _ in range(3)] == [201, 201, 403]
    ids = [task["id"] for task in made[2:]]
    for path in ("trash", "restore", "trash"):
        assert client.post(f"/api/tasks/{path}", json={"ids": ids}).json == {"ids": ids}
    assert post(client).status_code == 403
    assert client.delete("/api/tasks?status=deleted").json["deleted"] == 3
    assert count_of(small, user) == 2
    assert [post(client).status_code for _ in range(4)] == [201, 201, 201, 403]
    assert client.delete("/api/account").status_code == 204
    assert [post(client).status_code for _ in range(6)] == [201] * 5 + [403]


@pytest.mark.parametrize("keyed", [False, True])
def test_quota_is_exact_for_creates_at_once(
    small: Flask, token: Token, user: str, keyed: bool
) -> None:
    def send(number: int) -> int:
        headers = key(f"k{number}") if keyed else {}
        return post(Client(small, token(user)), **headers).status_code

    with ThreadPoolExecutor(10) as pool:
        assert sorted(pool.map(send, range(20))) == [201] * 5 + [403] * 15
    assert count_of(small, user) == 5


def test_retries_of_one_key_at_once_count_once(small: Flask, token: Token, user: str) -> None:
    def send(_: int) -> int:
        return post(Client(small, token(user)), **key("once")).status_code

    with ThreadPoolExecutor(12) as pool:
        assert sorted(pool.map(send, range(12))) == [200] * 11 + [201]
    assert count_of(small, user) == 1


def test_tasks_from_before_the_counter_count(client: Client, small: Flask, user: str) -> None:
    """Whether the user has an account from then or none."""
    add_tasks(small, user, 3)
    assert create(client)  # makes the account
    assert create(client)  # counts
    assert (post(client).status_code, count_of(small, user)) == (403, 5)
    run(small, sa.update(accounts).where(accounts.c.user_id == user).values(task_count=None))
    assert (post(client).status_code, count_of(small, user)) == (403, 5)


@pytest.mark.parametrize("before", ["PATCH", "changes"])
def test_account_that_another_request_made_is_counted(
    client: Client, small: Flask, user: str, before: str
) -> None:
    add_tasks(small, user, 4)
    first = client.get("/api/tasks").json[0]
    if before == "PATCH":
        assert client.patch(f"/api/tasks/{first['id']}", json={"title": "y"}).status_code == 200
    else:
        assert client.get("/api/tasks/changes").status_code == 200
    assert [post(client).status_code for _ in range(2)] == [201, 403]
    assert count_of(small, user) == 5


def test_create_takes_one_statement(client: Client, small: Flask) -> None:
    statements = []
    sa.event.listen(
        small.extensions["engine"], "before_cursor_execute", lambda *args: statements.append(args)
    )
    client.get("/api/tasks/changes")
    statements.clear()
    assert [post(client).status_code, post(client, **key("k")).status_code] == [201, 201]
    assert len(statements) == 2


def test_recount_corrects_every_account(small: Flask, token: Token, user: str) -> None:
    users = [f"{user}-{number}" for number in range(3)]
    for number, each in enumerate(users):
        for _ in range(number):
            create(Client(small, token(each)))
        wrong = sa.update(accounts).where(accounts.c.user_id == each).values(task_count=99)
        run(small, wrong)
    result = small.test_cli_runner().invoke(args=["tasks", "recount"])
    assert result.exit_code == 0, result.output
    assert [count_of(small, each) for each in users[1:]] == [1, 2]


def test_recount_without_a_database_fails_with_advice(make_app: MakeApp) -> None:
    app = make_app(database_url="postgresql://127.0.0.1:1/db", database_url_unpooled=None)
    result = app.test_cli_runner().invoke(args=["tasks", "recount"])
    assert result.exit_code == 1
    assert "Run: flask doctor. Then recount again." in result.output


def test_older_code_creates_beside_and_a_recount_counts(empty: Flask, token: Token) -> None:
    """It inserts accounts without a count, and changes none."""
    flask_migrate.upgrade(revision="0010")
    run(empty, sa.text("INSERT INTO accounts (user_id, version) VALUES ('ann', 1)"))
    flask_migrate.upgrade()
    client = Client(empty, token("ann"))
    create(client)
    add_tasks(empty, "ann", 2)
    assert empty.test_cli_runner().invoke(args=["tasks", "recount"]).exit_code == 0
    assert count_of(empty, "ann") == 3


def test_key_of_a_purged_task_creates_another(client: Client, small: Flask, user: str) -> None:
    create(client)
    task = post(client, **key("a")).json
    assert client.delete(f"/api/tasks/{task['id']}").status_code == 204
    with run_before(queries.GET_BY_KEY, lambda: purge(small)):
        response = post(client, **key("a"))
    assert response.status_code == 201
    assert count_of(small, user) == 2


def test_key_that_another_request_has_just_used_creates_nothing(
    client: Client, small: Flask, user: str
) -> None:
    """The other one holds the account until its commit. This one began before that."""
    engine = small.extensions["engine"]
    holding = engine.execution_options(isolation_level="READ COMMITTED")
    mine = {"user_id": user, "title": "x", "idempotency_key": "a", "idempotency_hash": "0" * 64}
    waits = sa.text(
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ :user"
    )
    with holding.connect() as other, engine.connect() as watching, ThreadPoolExecutor() as threads:
        other.execute(sa.insert(accounts).values(user_id=user, version=1, task_count=1))
        other.execute(sa.insert(tasks).values(**mine))
        waiting = threads.submit(post, client, **key("a"))
        wait_until(lambda: watching.execute(waits, {"user": user}).scalar(), "it does not wait")
        other.commit()
        assert waiting.result().status_code == 422  # it has another body
    assert count_of(small, user) == 1


def test_other_violated_constraints_are_errors(small: Flask, user: str) -> None:
    with small.test_request_context():
        request_state().user = user
        values = queries.new_task_values(NewTask().load({"title": "x"})) | {"max_tasks": 5}
        with pytest.raises(sa.exc.IntegrityError, match="ck_tasks_idempotency_key"):
            create_once("a", "no hash", values)
