"""Without a token nothing is visible, and a task of another user looks absent."""

import re
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.support.api import next_link
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
    ("POST", "/restore", None),
    ("GET", "", None, {"If-None-Match": "*"}),
    ("PATCH", "", {"title": "stolen"}, {"If-Match": "*"}),
    ("PATCH", "", {"title": "stolen"}, {"If-Match": '"1"'}),
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
    return [
        (method, rule.rule.replace("<task_id:task_id>", "1"))
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
            assert response.status_code == 401, (method, target)
            assert method == "HEAD" or response.json["error_type"] == "authentication_error"


def test_every_task_statement_filters_by_owner(app: Flask, client: Client, user: str) -> None:
    """Check the statements of every task route, including routes added later."""
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
            changes: tuple[dict[str, Any], ...] = ({"title": "x"}, {"completed": True}, {})
            bulk = ({"ids": [1], "changes": change} for change in changes)
            for body in (None, *changes, *bulk):
                client.open(target, method=method, json=body)
            assert len(sent) > before, (method, path)
    finally:
        sa.event.remove(engine, "after_cursor_execute", record)
    for statement, values in sent:
        assert values["owner"] == user
        writes = re.findall(r"INSERT INTO (?:tasks|accounts) \(.+?\) (\S+ \S+)", statement)
        assert set(writes) <= {"SELECT %(owner)s", "VALUES (%(owner)s,"}
        reads = re.findall(r"\b(?:FROM|UPDATE) (tasks|accounts)\b", statement)
        assert writes or reads
        filters = r" WHERE (tasks|accounts)\.user_id = %\(owner\)s(?! OR)"
        assert sorted(re.findall(filters, statement)) == sorted(reads)


def test_precondition_reveals_nothing_of_another_user(client: Client, other: Client) -> None:
    key = {"Idempotency-Key": "same"}
    mine = client.post("/api/tasks", json={"title": "mine"}, headers=key)
    theirs = other.post("/api/tasks", json={"title": "theirs"}, headers=key)
    assert (mine.status_code, theirs.status_code) == (201, 201)
    tag = client.get("/api/tasks").headers["ETag"]
    assert other.get("/api/tasks", headers={"If-None-Match": tag}).json == [theirs.json]
    assert other.get("/api/tasks/changes").json["tasks"] == [theirs.json]
