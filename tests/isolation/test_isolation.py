"""Without a token nothing is visible, and a task of another user looks absent."""

import re
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.support.api import next_link
from tests.support.client import Client, MakeClient
from tests.support.owner import FILTER_ADVICE, find_statements, unfiltered
from todo_api.accounts.recount import NEXT_USERS
from todo_api.database.dialect import Dialect
from todo_api.tasks.purge import BARE, PURGE, UNFINISHED

ABSENT = 2**52
ON_A_TASK = [
    ("GET", "", None),
    ("PATCH", "", {"title": "stolen"}),
    ("PATCH", "", {}),
    ("PUT", "", {"title": "stolen", "completed": True}),
    ("PATCH", "/complete", None),
    ("PATCH", "/complete", {"completed": True}),
    ("PATCH", "/position", {"to": "first"}),
    ("PATCH", "/position", {"after": 1}),
    ("DELETE", "", None),
    ("POST", "/restore", None),
    ("GET", "", None, {"If-None-Match": "*"}),
    ("PATCH", "", {"title": "stolen"}, {"If-Match": "*"}),
    ("PATCH", "", {"title": "stolen"}, {"If-Match": '"1"'}),
    ("PATCH", "/position", {"to": "last"}, {"If-Match": '"1"'}),
    ("DELETE", "", None, {"If-Match": '"2"'}),
]


@pytest.fixture
def other(client_of: MakeClient, user: str) -> Client:
    """The client of another user."""
    return client_of(f"other-{user}")


@pytest.mark.parametrize("request_", ON_A_TASK, ids=str)
def test_task_of_another_user_gets_the_same_response_as_an_absent_one(
    client: Client, other: Client, request_: Any
) -> None:
    method, suffix, body, *conditions = request_
    task = client.post("/api/tasks", json={"title": "mine"}).json
    headers = {"X-Request-ID": "same"} | dict(*conditions)
    foreign = other.open(
        f"/api/tasks/{task['id']}{suffix}", method=method, json=body, headers=headers
    )
    absent = other.open(f"/api/tasks/{ABSENT}{suffix}", method=method, json=body, headers=headers)
    assert foreign.status_code == 404
    assert foreign.data == absent.data
    assert list(foreign.headers) == list(absent.headers)
    assert client.get(f"/api/tasks/{task['id']}").json == task


def test_list_has_only_the_users_own_tasks(client: Client, other: Client) -> None:
    mine = client.post("/api/tasks", json={"title": "mine"}).json
    theirs = other.post("/api/tasks", json={"title": "theirs"}).json
    assert client.get("/api/tasks").json == [mine]
    assert other.get("/api/tasks").json == [theirs]
    assert (mine["user_id"] == theirs["user_id"]) is False


def test_many_tasks_of_another_user_stay_where_they_are(client: Client, other: Client) -> None:
    task = {"title": "mine", "tags": ["mine"]}
    live, trashed = (client.post("/api/tasks", json=task).json for _ in range(2))
    client.delete(f"/api/tasks/{trashed['id']}")
    before = client.get("/api/tasks").json, client.get("/api/tasks?status=deleted").json
    for path in ("trash", "restore"):
        body = {"ids": [live["id"], trashed["id"]]}
        assert other.post(f"/api/tasks/{path}", json=body).json == {"ids": []}
    answer = other.delete("/api/tasks?status=deleted").json
    assert answer == {"deleted": 0, "ids": [], "has_more": False}
    assert other.get("/api/tasks/tags").json == []
    assert (client.get("/api/tasks").json, client.get("/api/tasks?status=deleted").json) == before


def test_cursor_of_another_user_returns_none_of_their_tasks(client: Client, other: Client) -> None:
    for _ in range(3):
        client.post("/api/tasks", json={"title": "mine"})
    second_page = next_link(client.get("/api/tasks?limit=1"))
    assert other.get(second_page).json == []


@pytest.mark.parametrize("name", ["user_id", "userId", "sub", "owner"])
def test_user_comes_only_from_the_token(
    client: Client, other: Client, user: str, name: str
) -> None:
    body = {"title": "x", name: user}
    assert other.post("/api/tasks", json=body).status_code == 400
    assert other.post(f"/api/tasks?{name}={user}", json={"title": "x"}).status_code == 400
    assert other.get("/api/tasks", headers={"X-User-Id": user}).json == []
    assert client.get("/api/tasks").json == []


def task_routes(app: Flask) -> list[tuple[str, str]]:
    """Return the method and the path of each route, with 1 for every variable in the path."""
    return [
        (method, re.sub(r"<.+?>", "1", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"OPTIONS"}
    ]


def test_every_task_route_checks_the_token_first(app: Flask, anonymous: Client) -> None:
    routes = task_routes(app)
    assert len(routes) >= 13
    for method, path in routes:
        for target, body in ((path, None), (f"{path}?nope=1", b"{"), (path, b'{"nope": 1}')):
            response = anonymous.open(
                target, method=method, data=body, content_type="application/json"
            )
            assert response.status_code == 401, (
                f"{method} {target} without a token is a {response.status_code}: put @require_user"
                " right below @blp.route in its view (if 1 is not valid in the path, put"
                " another value into task_routes of tests/isolation/test_isolation.py)"
            )
            assert method == "HEAD" or response.json["error_type"] == "authentication_error"


ALL_USERS = {
    PURGE: "a command of the operator removes the old trash of all users",
    UNFINISHED: "a command of the operator finishes the erasures of all users",
    BARE: "a command of the operator removes the accounts without tasks",
    NEXT_USERS: "a command of the operator counts the tasks of all users",
}
"""The statements that are not for one user, each with its reason."""


def test_every_statement_of_the_package_filters_by_owner() -> None:
    sql = {
        name: str(statement.compile(dialect=Dialect()))  # type: ignore[no-untyped-call]
        for name, statement in find_statements()
        if statement not in ALL_USERS
    }
    assert len(sql) >= 30
    found = [f"{name}: {part}" for name in sql for part in unfiltered(sql[name])]
    advice = f"{FILTER_ADVICE}, or add to ALL_USERS of tests/isolation/test_isolation.py"
    assert not found, f"{advice}: {'; '.join(found)}"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT tasks.id FROM tasks",
        "SELECT tasks.id FROM tasks WHERE tasks.user_id = %(user)s",
        "SELECT tasks.id FROM tasks WHERE tasks.user_id != %(owner)s",
        "SELECT tasks.id FROM tasks WHERE tasks.user_id = %(owner)s OR tasks.completed",
        "SELECT tasks.id FROM tasks WHERE tasks.user_id = %(owner)s AND tasks.id = 1 OR true",
        "SELECT tasks.id FROM tasks WHERE NOT tasks.user_id = %(owner)s",
        "SELECT t.id FROM tasks AS t, tasks WHERE tasks.user_id = %(owner)s",
        "SELECT 1 FROM accounts JOIN public.tasks ON true WHERE accounts.user_id = %(owner)s",
        "SELECT (SELECT count(*) FROM tasks) FROM accounts WHERE accounts.user_id = %(owner)s",
        "SELECT 1 FROM tasks WHERE tasks.user_id = %(owner)s UNION SELECT 1 FROM tasks",
        "DELETE FROM tasks WHERE tasks.user_id = %(owner)s; DELETE FROM accounts",
        "DELETE FROM tasks USING accounts WHERE tasks.user_id = %(owner)s",
        "UPDATE tasks SET title = ' WHERE tasks.user_id = %(owner)s'",
        "TRUNCATE tasks",
        "INSERT INTO tasks (user_id, title) VALUES (%(user)s, 'x')",
        "INSERT INTO tasks (title, user_id) SELECT 'x', %(owner)s",
        "INSERT INTO tasks (user_id) SELECT %(owner)s FROM tasks",
    ],
)
def test_statement_without_the_filter_is_found(sql: str) -> None:
    assert unfiltered(sql)


CHANGES: tuple[dict[str, Any], ...] = ({"title": "x"}, {"completed": True}, {})
BODIES = (
    None,
    *CHANGES,
    {"ids": [1]},
    {"to": "first"},
    {"after": ABSENT},
    *({"ids": [1], "changes": change} for change in CHANGES),
)
QUERIES = {("DELETE", "/api/tasks"): ("?status=completed", "?status=deleted")}


def test_every_task_statement_filters_by_owner(app: Flask, client: Client, user: str) -> None:
    """Check the statements of every task route, including routes added later."""
    task = client.post("/api/tasks", json={"title": "mine"}).json
    sent: list[tuple[str, Any]] = []

    def record(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
        sent.append((statement, values))

    engine = app.extensions["engine"]
    sa.event.listen(engine, "after_cursor_execute", record)
    try:
        for method, path in task_routes(app):
            target = path.replace("/1", f"/{task['id'] if method != 'DELETE' else ABSENT}")
            before = len(sent)
            statuses = {
                client.open(target + query, method=method, json=body).status_code
                for query in QUERIES.get((method, path), ("",))
                for body in BODIES
            }
            executed = len(sent) > before
            assert executed, (
                f"{method} {target} executed no statement and returned {statuses}: in"
                " tests/isolation/test_isolation.py, add a body that it accepts to BODIES, or the"
                " query that it needs to QUERIES"
            )
    finally:
        sa.event.remove(engine, "after_cursor_execute", record)
    for statement, values in sent:
        assert not unfiltered(statement), f"{FILTER_ADVICE}: {unfiltered(statement)}"
        assert values.get("owner") == user, f"use execute_for_user for: {statement}"


def test_precondition_reveals_nothing_of_another_user(client: Client, other: Client) -> None:
    key = {"Idempotency-Key": "same"}
    mine = client.post("/api/tasks", json={"title": "mine"}, headers=key)
    theirs = other.post("/api/tasks", json={"title": "theirs"}, headers=key)
    assert (mine.status_code, theirs.status_code) == (201, 201)
    tag = client.get("/api/tasks").headers["ETag"]
    assert other.get("/api/tasks", headers={"If-None-Match": tag}).json == [theirs.json]
    assert other.get("/api/tasks/changes").json["tasks"] == [theirs.json]
