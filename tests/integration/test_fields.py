"""What each field of a task accepts, and the time of completion."""

import json
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.support.api import (
    DATE_MESSAGE,
    NOT_STORABLE_MESSAGE,
    ONE_LINE_MESSAGE,
    PRIORITY_MESSAGE,
    READ_ONLY_MESSAGE,
    body_error,
    create,
    input_error,
)
from tests.support.client import Client
from todo_api.database.models import tasks


def test_priority_due_date_and_tags_are_stored(client: Client) -> None:
    fields = {"priority": "high", "due_date": "2026-12-24", "tags": ["home", "errand"]}
    task = create(client, **fields)
    assert {name: task[name] for name in fields} == fields
    assert client.get(f"/api/tasks/{task['id']}").json == task
    changed = client.patch(
        f"/api/tasks/{task['id']}", json={"priority": "low", "due_date": None, "tags": []}
    ).json
    assert changed == task | {
        "priority": "low",
        "due_date": None,
        "tags": [],
        "updated_at": changed["updated_at"],
        "version": 2,
    }


@pytest.mark.parametrize("day", ["0001-01-01", "2024-02-29", "9999-12-31"])
def test_due_date_accepts_any_calendar_date(client: Client, day: str) -> None:
    assert create(client, due_date=day)["due_date"] == day


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ([" Home ", "\tERRAND\n"], ["home", "errand"]),
        (["b", "a", "B", "b "], ["b", "a"]),
        (["x" * 50 + " "], ["x" * 50]),
        (["ÉTÉ", "日本語", "🥛", "two words"], ["été", "日本語", "🥛", "two words"]),
        (['a"b', "a,b", "{}", "null", "NULL", "\\", "'"], ['a"b', "a,b", "{}", "null", "\\", "'"]),
        ([str(n) for n in range(10)], [str(n) for n in range(10)]),
    ],
)
def test_tags_are_trimmed_lower_cased_and_deduplicated(
    client: Client, sent: list[str], stored: list[str]
) -> None:
    task = create(client, tags=sent)
    assert task["tags"] == stored
    for tag in sent:
        response = client.get("/api/tasks", query_string={"tag": tag})
        assert response.json == [task]


@pytest.mark.parametrize(
    ("field", "loc", "message"),
    [
        *(({"title": value}, (), "Must be a JSON string.") for value in (7, ["x"])),
        *(({"title": value}, (), NOT_STORABLE_MESSAGE) for value in ("a\u0000b", "a\ud800b")),
        ({"description": 7}, (), "Must be a JSON string."),
        *(({"description": value}, (), NOT_STORABLE_MESSAGE) for value in ("\u0000", "\udfff")),
        *(({"completed": value}, (), "Must be true or false.") for value in (1, 0, "true")),
        *(({"priority": value}, (), PRIORITY_MESSAGE) for value in ("", "High", "urgent")),
        ({"priority": 1}, (), "Must be a JSON string."),
        *(
            ({"due_date": value}, (), DATE_MESSAGE)
            for value in ("", "2026-02-29", "2026-1-5", "20260105", "2026-W01-1", "26-01-05", 7)
        ),
        *(
            ({"due_date": value}, (), DATE_MESSAGE)
            for value in ("2026-01-05T00:00:00Z", "\u0662026-01-05")
        ),
        ({"tags": "home"}, (), "Must be a JSON array."),
        *(({"tags": [f"a{end}b"]}, ("0",), ONE_LINE_MESSAGE) for end in "\n\t\x1b\x85\u2028"),
        ({"tags": ["a\x00b"]}, ("0",), NOT_STORABLE_MESSAGE),
        ({"tags": [1]}, ("0",), "Must be a JSON string."),
    ],
)
def test_invalid_field_is_named_in_the_error(
    client: Client, field: dict[str, Any], loc: tuple[str, ...], message: str
) -> None:
    assert_refused(client, field, input_error(["body", *field, *loc], message))


TITLE_LENGTH = "Must have 1 to 200 characters."
TAG_LENGTH = "Must have 1 to 50 characters."


@pytest.mark.parametrize(
    ("field", "loc", "message", "code", "limit"),
    [
        *(({"title": value}, (), TITLE_LENGTH, "too_short", 1) for value in ("", " \t\u2003")),
        *(
            ({"title": value * 201}, (), TITLE_LENGTH, "too_long", 200)
            for value in ("x", "e\u0301")
        ),
        ({"title": "\u0958" * 101}, (), TITLE_LENGTH, "too_long", 200),  # two characters in NFC
        (
            {"description": "x" * 10_001},
            (),
            "Must have at most 10000 characters.",
            "too_long",
            10_000,
        ),
        ({"tags": ["x"] * 11}, (), "Must have at most 10 items.", "too_many", 10),
        ({"tags": [" "]}, ("0",), TAG_LENGTH, "too_short", 1),
        ({"tags": ["ok", "x" * 51]}, ("1",), TAG_LENGTH, "too_long", 50),
        ({"tags": ["İ" * 51]}, ("0",), TAG_LENGTH, "too_long", 50),
    ],
)
def test_error_says_the_limit(
    client: Client,
    field: dict[str, Any],
    loc: tuple[str, ...],
    message: str,
    code: str,
    limit: int,
) -> None:
    assert_refused(client, field, input_error(["body", *field, *loc], message, code, limit))


def assert_refused(client: Client, field: dict[str, Any], expected: dict[str, Any]) -> None:
    task = create(client)
    for method, path, body in (
        ("POST", "/api/tasks", {"title": "x"} | field),
        ("PATCH", f"/api/tasks/{task['id']}", field),
        ("PUT", f"/api/tasks/{task['id']}", field),
    ):
        text = json.dumps(body)  # the test client cannot encode a lone surrogate
        response = client.open(path, method=method, data=text, content_type="application/json")
        assert (response.status_code, response.json) == (400, expected)
    assert client.get("/api/tasks").json == [task]


@pytest.mark.parametrize("name", ["title", "completed", "priority", "tags"])
def test_null_is_rejected_unless_the_field_is_nullable(client: Client, name: str) -> None:
    task = create(client)
    expected = body_error(name, "Field may not be null.")
    assert client.post("/api/tasks", json={"title": "x", name: None}).json == expected
    assert client.patch(f"/api/tasks/{task['id']}", json={name: None}).json == expected
    assert client.put(f"/api/tasks/{task['id']}", json={name: None}).json == expected


@pytest.mark.parametrize(
    ("name", "message"), [("completed_at", READ_ONLY_MESSAGE), ("is_completed", "Unknown field.")]
)
def test_completed_at_cannot_be_set(client: Client, name: str, message: str) -> None:
    response = client.post("/api/tasks", json={"title": "x", name: "2026-01-01T00:00:00Z"})
    assert response.json == body_error(name, message)


def test_completed_at_follows_completed(client: Client) -> None:
    task = create(client)
    path = f"/api/tasks/{task['id']}"
    done = client.patch(path, json={"completed": True}).json
    assert task["completed_at"] is None
    assert task["created_at"] < done["completed_at"]
    for same in ({"completed": True}, {"title": "y"}, {"completed": True, "title": "z"}):
        assert client.patch(path, json=same).json["completed_at"] == done["completed_at"]
    assert client.patch(path, json={"completed": False}).json["completed_at"] is None
    assert client.patch(path, json={"completed": False}).json["completed_at"] is None
    again = client.patch(f"{path}/complete").json
    assert again["completed_at"] > done["completed_at"]
    unchanged = client.patch(f"{path}/complete", json={"completed": True}).json
    assert unchanged["completed_at"] == again["completed_at"]
    assert client.patch(f"{path}/complete").json["completed_at"] is None


def test_task_created_completed_has_its_creation_time(client: Client) -> None:
    task = create(client, completed=True)
    assert task["completed_at"] == task["created_at"]


@pytest.mark.parametrize("left", [None, "2026-01-01T00:00:00Z"])
@pytest.mark.parametrize("was", [False, True])
def test_completed_at_recovers_from_writes_of_the_previous_release(
    app: Flask, client: Client, was: bool, left: str | None
) -> None:
    """During a deploy the previous release changes only `completed`."""
    path = f"/api/tasks/{create(client)['id']}"
    before = sa.update(tasks).values(completed=was, completed_at=left)
    with app.extensions["engine"].connect() as connection:
        connection.execute(before.where(tasks.c.id == int(path.rpartition("/")[2])))
    kept = client.patch(path, json={"completed": was}).json["completed_at"]
    assert kept == (left if was else None)
    assert client.patch(path, json={"completed": False}).json["completed_at"] is None
    assert client.patch(f"{path}/complete").json["completed_at"] > "2026-01-02"
