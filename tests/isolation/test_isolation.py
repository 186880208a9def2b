"""A stranger sees nothing, and another user's task is as good as none."""

import re
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.support.client import Client, MakeClient

ABSENT = 2**62
ON_A_TASK = [
    ("GET", "", None),
    ("PATCH", "", {"title": "stolen"}),
    ("PATCH", "", {}),
    ("PUT", "", {"title": "stolen", "completed": True}),
    ("PATCH", "/complete", None),
    ("PATCH", "/complete", {"completed": True}),
    ("DELETE", "", None),
]


@pytest.fixture
def other(client_of: MakeClient, user: str) -> Client:
    """Another user than `client`'s."""
    return client_of(f"other-{user}")


@pytest.mark.parametrize(("method", "suffix", "body"), ON_A_TASK)
def test_other_users_task_is_not_found_byte_for_byte(
    client: Client, other: Client, method: str, suffix: str, body: Any
) -> None:
    task = client.post("/api/tasks", json={"title": "mine"}).json
    headers = {"X-Request-ID": "same"}
    foreign = other.open(
        f"/api/tasks/{task['id']}{suffix}", method=method, json=body, headers=headers
    )
    absent = other.open(f"/api/tasks/{ABSENT}{suffix}", method=method, json=body, headers=headers)
    assert foreign.status_code == 404
    assert foreign.data == absent.data
    assert list(foreign.headers) == list(absent.headers)
    assert client.get(f"/api/tasks/{task['id']}").json == task


def test_lists_are_each_users_own(client: Client, other: Client) -> None:
    mine = client.post("/api/tasks", json={"title": "mine"}).json
    theirs = other.post("/api/tasks", json={"title": "theirs"}).json
    assert client.get("/api/tasks").json == [mine]
    assert other.get("/api/tasks").json == [theirs]
    assert (mine["user_id"] == theirs["user_id"]) is False


def test_cursor_of_another_user_shows_nothing_of_theirs(client: Client, other: Client) -> None:
    for _ in range(3):
        client.post("/api/tasks", json={"title": "mine"})
    link = client.get("/api/tasks?limit=1").headers["Link"].removeprefix("<").partition(">")[0]
    assert other.get(link).json == []


@pytest.mark.parametrize("pretended", ["user_id", "userId", "sub", "owner"])
def test_user_is_taken_from_nowhere_but_the_token(
    client: Client, other: Client, user: str, pretended: str
) -> None:
    body = {"title": "x", pretended: user}
    assert other.post("/api/tasks", json=body).status_code == 400
    assert other.post(f"/api/tasks?{pretended}={user}", json={"title": "x"}).status_code == 400
    assert other.get("/api/tasks", headers={"X-User-Id": user}).json == []
    assert client.get("/api/tasks").json == []


def task_routes(app: Flask) -> list[tuple[str, str]]:
    return [
        (method, rule.rule.replace("<task_id:task_id>", "1"))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"OPTIONS"}
    ]


def test_every_task_route_refuses_a_stranger_first(app: Flask, anonymous: Client) -> None:
    routes = task_routes(app)
    assert len(routes) >= 13
    for method, path in routes:
        for target, body in ((path, None), (f"{path}?nope=1", b"{"), (path, b'{"nope": 1}')):
            answer = anonymous.open(
                target, method=method, data=body, content_type="application/json"
            )
            assert answer.status_code == 401, (method, target)
            assert method == "HEAD" or answer.json["error_type"] == "authentication_error"


def test_every_task_statement_carries_the_owner(app: Flask, client: Client, user: str) -> None:
    """Records what PostgreSQL is sent by every task route, the ones nobody thought of included."""
    task = client.post("/api/tasks", json={"title": "mine"}).json
    sent: list[tuple[str, Any]] = []

    def record(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
        sent.append((" ".join(statement.split()), values))

    engine = app.extensions["engine"]
    sa.event.listen(engine, "after_cursor_execute", record)
    try:
        for method, path in task_routes(app):
            target = path.replace("/1", f"/{task['id'] if method != 'DELETE' else ABSENT}")
            target += "?status=completed" if (method, path) == ("DELETE", "/api/tasks") else ""
            before = len(sent)
            changes = ({"title": "x"}, {"completed": True}, {})
            many = ({"ids": [1], "changes": each} for each in changes)
            for body in (None, *changes, *many):
                client.open(target, method=method, json=body)
            assert len(sent) > before, (method, path)
    finally:
        sa.event.remove(engine, "after_cursor_execute", record)
    for statement, values in sent:
        assert values["owner"] == user
        if "INSERT INTO tasks (user_id," in statement:
            assert " VALUES (%(owner)s, " in statement
        else:
            reached = len(re.findall(r"\b(?:FROM|UPDATE) tasks\b", statement))
            assert reached
            assert statement.count(" WHERE tasks.user_id = %(owner)s AND ") == reached
