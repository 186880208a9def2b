"""Changes of several tasks at once."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

import pytest
from flask import Flask

from tests.support.api import READ_ONLY_MESSAGE, add_tasks, create, titles
from tests.support.client import Client, MakeClient, Token

MAX_ID = 2**53 - 1


def test_only_completed_tasks_are_deleted(varied: Client, app: Flask, token: Token) -> None:
    other = Client(app, token(f"user-{uuid.uuid4().hex}"))
    theirs = create(other, completed=True)
    response = varied.delete("/api/tasks?status=completed")
    assert (response.status_code, response.json["deleted"]) == (200, 1)
    assert titles(varied, "") == set("abd")
    assert varied.delete("/api/tasks?status=completed").json["deleted"] == 0
    assert other.get("/api/tasks").json == [theirs]


@pytest.mark.parametrize(
    "query",
    [
        *("", "status=", "status=all", "status=active", "status=COMPLETED", "completed=true"),
        *("status=completed&status=completed", "status=completed&q=x", "status=completed&limit=1"),
        *("status=deleted&status=deleted", "status=deleted&status=completed", "status=deleted&q=x"),
        *("status=completed%20", "status[]=completed", "Status=completed", "cursor=x"),
    ],
)
def test_bulk_delete_requires_exactly_one_status(varied: Client, query: str) -> None:
    response = varied.delete("/api/tasks", query_string=query)
    assert (response.status_code, response.json["error_type"]) == (400, "validation_error")
    assert response.json["errors"][0]["loc"][0] == "query"
    assert titles(varied, "") == set("abcd")


def test_bulk_update_returns_tasks_in_the_order_of_the_ids(client: Client) -> None:
    created = [create(client, title=str(n)) for n in range(4)]
    ids = [created[2]["id"], created[0]["id"], created[2]["id"], MAX_ID]
    changes = {"completed": True, "priority": "high", "tags": [" Done "], "due_date": "2026-01-01"}
    response = client.patch("/api/tasks", json={"ids": ids, "changes": changes})
    assert response.status_code == 200
    assert [task["title"] for task in response.json] == ["2", "0"]
    for task in response.json:
        assert task == client.get(f"/api/tasks/{task['id']}").json
        assert {name: task[name] for name in changes} == changes | {"tags": ["done"]}
        assert task["completed_at"] > task["created_at"]
    for task in (created[1], created[3]):
        assert client.get(f"/api/tasks/{task['id']}").json == task


def test_bulk_update_skips_tasks_of_other_users(client: Client, app: Flask, token: Token) -> None:
    other = Client(app, token(f"user-{uuid.uuid4().hex}"))
    mine, theirs = create(client), create(other)
    for changes in ({"title": "stolen"}, {"completed": True}, {}):
        body = {"ids": [theirs["id"], mine["id"]], "changes": changes}
        response = client.patch("/api/tasks", json=body)
        assert [task["id"] for task in response.json] == [mine["id"]]
    assert other.get("/api/tasks").json == [theirs]


def test_bulk_update_without_ids_or_changes_changes_nothing(client: Client) -> None:
    task = create(client)
    body = {"ids": [task["id"]], "changes": {}}
    assert client.patch("/api/tasks", json=body).json == [task]
    body = {"ids": [float(task["id"])], "changes": {}}  # JSON has one number type
    assert client.patch("/api/tasks", json=body).json == [task]
    body = {"ids": [], "changes": {"title": "x"}}
    assert client.patch("/api/tasks", json=body).json == []
    assert client.get("/api/tasks").json == [task]


def test_list_length_is_checked_before_its_items(client: Client) -> None:
    too_many = [0] * 40_000
    for body, name in (
        ({"ids": too_many, "changes": {}}, "ids"),
        ({"title": "x", "tags": too_many}, "tags"),
    ):
        path = {"ids": client.patch, "tags": client.post}[name]
        errors = path("/api/tasks", json=body).json["errors"]
        assert [error["loc"] for error in errors] == [["body", name]]
    errors = client.get("/api/tasks?priority=x" + "&priority=x" * 10).json["errors"]
    assert [error["loc"] for error in errors] == [["query", "priority"]]


def test_errors_of_a_list_come_in_the_order_of_its_items(client: Client) -> None:
    body = {"ids": [0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0], "changes": {}}
    errors = client.patch("/api/tasks", json=body).json["errors"]
    assert [error["loc"][2] for error in errors] == ["0", "9", "10"]


ID_MESSAGE = f"Must be a whole number from 1 to {MAX_ID}."


@pytest.mark.parametrize(
    ("body", "loc", "message"),
    [
        ({"changes": {}}, ("ids",), "Missing data for required field."),
        ({"ids": [1]}, ("changes",), "Missing data for required field."),
        ({"ids": 1, "changes": {}}, ("ids",), "Must be a JSON array."),
        ({"ids": list(range(1, 102)), "changes": {}}, ("ids",), "Must have at most 100 items."),
        *(
            ({"ids": [1, bad], "changes": {}}, ("ids", "1"), ID_MESSAGE)
            for bad in (0, -1, 2**53, 9.3e18, 1.5, "1", True, [1])
        ),
        ({"ids": [None], "changes": {}}, ("ids", "0"), "Field may not be null."),
        ({"ids": [1], "changes": []}, ("changes",), "Must be a JSON object."),
        (
            {"ids": [1], "changes": {"title": ""}},
            ("changes", "title"),
            "Must have 1 to 200 characters.",
        ),
        ({"ids": [1], "changes": {"id": 2}}, ("changes", "id"), READ_ONLY_MESSAGE),
        ({"ids": [1], "changes": {}, "user_id": "x"}, ("user_id",), "Unknown field."),
    ],
)
def test_invalid_bulk_update_is_named_in_the_error(
    client: Client, body: Any, loc: tuple[str, ...], message: str
) -> None:
    response = client.patch("/api/tasks", json=body)
    assert response.status_code == 400
    assert response.json["detail"] == message
    assert response.json["errors"][0]["loc"] == ["body", *loc]


def test_concurrent_bulk_writes_do_not_deadlock(app: Flask, client: Client) -> None:
    """Whatever the order of the ids, and while completed tasks are deleted."""
    ids = [create(client)["id"] for _ in range(50)]

    def change(turn: int) -> int:
        other = Client(app, client.token)
        if turn % 5 == 4:
            return other.delete("/api/tasks?status=completed").status_code
        body = {"ids": ids[:: 1 if turn % 2 else -1], "changes": {"completed": turn % 7 == 6}}
        return other.patch("/api/tasks", json=body).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(change, range(80))) == {200}


def test_completed_tasks_are_deleted_a_thousand_at_once(
    app: Flask, client: Client, user: str
) -> None:
    add_tasks(app, user, 1_001, completed=True)
    kept = create(client)
    ids = []
    for expected in (1_000, 1, 0):
        answer = client.delete("/api/tasks?status=completed").json
        assert answer["deleted"] == len(answer["ids"]) == expected
        assert answer["ids"] == sorted(answer["ids"], reverse=True)
        assert answer["has_more"] is (expected == 1_000)
        ids += answer["ids"]
    assert len(set(ids)) == 1_001
    assert client.get("/api/tasks").json == [kept]
    assert client.get("/api/tasks/stats?status=deleted").json["total"] == 1_001


def test_two_clients_that_delete_the_completed_tasks_delete_each_once(
    app: Flask, client_of: MakeClient, user: str
) -> None:
    add_tasks(app, user, 4_000, completed=True)

    def delete_all(client: Client) -> list[int]:
        answer: Any = {"has_more": True}
        ids: list[int] = []
        while answer["has_more"]:
            answer = client.delete("/api/tasks?status=completed").json
            ids += answer["ids"]
        return ids

    with ThreadPoolExecutor(3) as pool:
        ids = list(chain.from_iterable(pool.map(delete_all, [client_of(user) for _ in range(3)])))
    assert len(ids) == len(set(ids)) == 4_000
