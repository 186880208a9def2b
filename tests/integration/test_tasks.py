"""The contract of each endpoint, as the README documents it."""

import re
import string
from typing import Any

import pytest

from tests.support.api import (
    READ_ONLY_MESSAGE,
    body_error,
    create,
    input_error,
    location,
    query_error,
)
from tests.support.client import Client

TIMESTAMP = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")


NOT_FOUND = {
    "detail": "Task not found",
    "status_code": 404,
    "error_type": "not_found_error",
}


def test_created_task_is_returned_as_stored(client: Client, user: str) -> None:
    response = client.post("/api/tasks", json={"title": "Buy milk"})
    task = response.json
    assert response.status_code == 201
    assert response.headers["Location"] == f"tasks/{task['id']}"  # relative to the request
    assert TIMESTAMP.fullmatch(task["created_at"])
    assert task == {
        "id": task["id"],
        "user_id": user,
        "title": "Buy milk",
        "description": None,
        "completed": False,
        "created_at": task["created_at"],
        "updated_at": task["created_at"],
        "completed_at": None,
        "priority": "medium",
        "due_date": None,
        "tags": [],
        "version": 1,
        "deleted_at": None,
        "position": str(2 * 10**16 - task["id"]),
    }
    assert client.get(location(response)).json == task


def test_length_of_each_response_is_that_of_its_body(client: Client) -> None:
    created = client.post("/api/tasks", json={"title": "日本語"})
    path, tag = location(created), created.headers["ETag"]
    with_body = [created, client.get(path), client.get("/api/tasks"), client.get("/docs")]
    with_body += [client.get("/api/none"), client.get("/", follow_redirects=False)]
    assert [int(r.headers["Content-Length"]) for r in with_body] == [len(r.data) for r in with_body]
    unchanged = client.get(path, headers={"If-None-Match": tag})
    without_body = [unchanged, client.delete(path)]
    assert [(r.status_code, r.data) for r in without_body] == [(304, b""), (204, b"")]
    assert not any("Content-Length" in r.headers for r in without_body)


def test_invitation_to_another_protocol_is_ignored(client: Client) -> None:
    headers = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c"}  # as curl --http2
    assert client.get("/api/tasks", headers=headers).status_code == 200


def test_created_task_keeps_the_given_fields(client: Client) -> None:
    description = "  kept as sent,\n\twith white space and 日本語 🥛  "
    task = create(client, title="Milk", description=description, completed=True)
    assert (task["title"], task["description"], task["completed"]) == ("Milk", description, True)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("  Buy milk\t\n", "Buy milk"),
        ("\u2003Buy milk\u00a0\u0085", "Buy milk"),
        ("x" * 200 + " ", "x" * 200),
        ("🥛" * 200, "🥛" * 200),
        ("two\nlines", "two\nlines"),
    ],
)
def test_title_is_trimmed(client: Client, sent: str, stored: str) -> None:
    assert create(client, title=sent)["title"] == stored


@pytest.mark.parametrize("character", string.ascii_letters + string.digits + string.punctuation)
def test_title_may_start_and_end_with_any_character(client: Client, character: str) -> None:
    for title in (character, f"{character}x", f"x{character}", f" {character} "):
        assert create(client, title=title)["title"] == title.strip()


@pytest.mark.parametrize("number", [number for number in range(1, 0x2030) if chr(number).isspace()])
def test_white_space_of_every_kind_is_trimmed(client: Client, number: int) -> None:
    assert create(client, title=f"{chr(number)}x{chr(number)}")["title"] == "x"


def test_description_may_have_10_000_characters(client: Client) -> None:
    assert create(client, description="é" * 10_000)["description"] == "é" * 10_000


@pytest.mark.parametrize(
    ("name", "message"),
    [
        *((name, "Unknown field.") for name in ("userId", "done", "", "_schema")),
        *((name, READ_ONLY_MESSAGE) for name in ("user_id", "id", "created_at", "updated_at")),
        *((name, READ_ONLY_MESSAGE) for name in ("version", "deleted_at")),
    ],
)
def test_unknown_or_read_only_field_is_named_in_the_error(
    client: Client, name: str, message: str
) -> None:
    task = create(client)
    body = {"title": "x", "completed": True, name: "mallory"}
    expected = input_error(["body", name], message)
    for method, path in (
        ("POST", "/api/tasks"),
        ("PATCH", f"/api/tasks/{task['id']}"),
        ("PUT", f"/api/tasks/{task['id']}"),
    ):
        response = client.open(path, method=method, json=body)
        assert (response.status_code, response.json) == (400, expected)
    assert client.get("/api/tasks").json == [task]


def test_whole_task_that_is_sent_back_says_which_fields_are_read_only(client: Client) -> None:
    task = create(client)
    writable = {"title", "description", "completed", "priority", "due_date", "tags"}
    response = client.put(f"/api/tasks/{task['id']}", json=task | {"title": "y"})
    errors = {error["loc"][1]: error["code"] for error in response.json["errors"]}
    assert errors == dict.fromkeys(task.keys() - writable, "read_only"), (
        "a field of TaskFields that is not required and has no default is read-only:"
        " give it a load_default, or list it in `writable`"
    )


def test_title_is_required(client: Client) -> None:
    response = client.post("/api/tasks", json={"description": "no title"})
    expected = body_error("title", "Missing data for required field.")
    assert (response.status_code, response.json) == (400, expected)


def test_all_invalid_fields_are_reported(client: Client) -> None:
    response = client.post("/api/tasks", json={"title": 1, "completed": 1, "x": 1})
    assert {tuple(error["loc"]) for error in response.json["errors"]} == {
        ("body", "title"),
        ("body", "completed"),
        ("body", "x"),
    }


def test_at_most_20_errors_are_reported(client: Client) -> None:
    response = client.post("/api/tasks", json={str(number): 1 for number in range(5_000)})
    assert response.status_code == 400
    assert len(response.json["errors"]) == 20


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_absent_field_keeps_its_value(client: Client, method: str) -> None:
    task = create(client, description="two litres")
    path = f"/api/tasks/{task['id']}"
    changed = client.open(path, method=method, json={"title": " Buy oat milk "}).json
    assert changed == task | {
        "title": "Buy oat milk",
        "updated_at": changed["updated_at"],
        "version": 2,
    }
    assert changed["updated_at"] > task["updated_at"]
    changed = client.open(path, method=method, json={"completed": True}).json
    assert (changed["title"], changed["completed"]) == ("Buy oat milk", True)
    assert client.get(path).json == changed


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_null_clears_the_description(client: Client, method: str) -> None:
    task = create(client, description="two litres")
    path = f"/api/tasks/{task['id']}"
    assert client.open(path, method=method, json={"description": None}).json["description"] is None
    assert client.get(path).json["title"] == task["title"]


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_empty_update_changes_nothing(client: Client, method: str) -> None:
    task = create(client)
    assert client.open(f"/api/tasks/{task['id']}", method=method, json={}).json == task


def test_toggle_without_a_body_inverts_completed(client: Client) -> None:
    task = create(client)
    path = f"/api/tasks/{task['id']}/complete"
    toggled = client.patch(path)
    assert toggled.status_code == 200
    assert toggled.json == task | {
        "completed": True,
        "updated_at": toggled.json["updated_at"],
        "version": 2,
        "completed_at": toggled.json["completed_at"],
    }
    assert client.patch(path, content_type="application/json").json["completed"] is False


@pytest.mark.parametrize("completed", [True, False])
def test_toggle_with_a_body_sets_completed(client: Client, completed: bool) -> None:
    task = create(client, completed=True)
    path = f"/api/tasks/{task['id']}/complete"
    assert client.patch(path, json={"completed": completed}).json["completed"] is completed
    assert client.patch(path, json={"completed": completed}).json["completed"] is completed


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, body_error("completed", "Missing data for required field.")),
        ({"completed": None}, body_error("completed", "Field may not be null.")),
        ({"completed": "yes"}, body_error("completed", "Must be true or false.")),
        ([], body_error("", "Must be a JSON object.")),
    ],
)
def test_toggle_rejects_a_body_without_completed(
    client: Client, body: Any, expected: dict[str, Any]
) -> None:
    task = create(client)
    response = client.patch(f"/api/tasks/{task['id']}/complete", json=body)
    assert (response.status_code, response.json) == (400, expected)
    assert client.get(f"/api/tasks/{task['id']}").json == task


def test_deleted_task_is_gone(client: Client) -> None:
    task = create(client)
    path = f"/api/tasks/{task['id']}"
    deleted = client.delete(path)
    assert (deleted.status_code, deleted.data) == (204, b"")
    assert client.delete(path).json == NOT_FOUND
    assert client.get(path).json == NOT_FOUND
    assert client.get("/api/tasks").json == []


@pytest.mark.parametrize("id_", [2**53 - 1, 2**52])
def test_absent_task_is_not_found(client: Client, id_: int) -> None:
    for method, path, body in (
        ("GET", f"/api/tasks/{id_}", None),
        ("PATCH", f"/api/tasks/{id_}", {"title": "x"}),
        ("PATCH", f"/api/tasks/{id_}", {}),
        ("PUT", f"/api/tasks/{id_}", {"title": "x"}),
        ("PATCH", f"/api/tasks/{id_}/complete", None),
        ("DELETE", f"/api/tasks/{id_}", None),
    ):
        response = client.open(path, method=method, json=body)
        assert (response.status_code, response.json) == (404, NOT_FOUND)


@pytest.mark.parametrize(
    "id_",
    [
        *("0", "-1", "+1", "01", "1.0", "1e3", "abc", "1%0A", "%201", "1_0", "\u0661", "0x1", "1;"),
        *("null", str(2**53), str(2**63), "9" * 19, "9" * 5_000),
    ],
)
def test_malformed_id_is_not_found(client: Client, id_: str) -> None:
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        response = client.open(f"/api/tasks/{id_}", method=method)
        assert (response.status_code, response.json["error_type"]) == (404, "not_found_error")
    response = client.patch(f"/api/tasks/{id_}/complete")
    assert (response.status_code, response.json["error_type"]) == (404, "not_found_error")


def test_body_of_a_request_that_takes_none_is_refused(client: Client) -> None:
    task = create(client, completed=True)
    path = f"/api/tasks/{task['id']}"
    for method, target in (
        ("DELETE", path),
        ("DELETE", "/api/tasks?status=completed"),
        ("POST", f"{path}/restore"),
        ("DELETE", "/api/account"),
    ):
        response = client.open(target, method=method, json={"ids": [1]})
        assert response.json == body_error("", "This request takes no body. Send none.")
    assert client.get("/api/tasks").json == [task]


def test_unknown_query_parameter_is_named_in_the_error(client: Client) -> None:
    task = create(client)
    path = f"/api/tasks/{task['id']}"
    for method, target, body in (
        ("GET", "/api/tasks", None),
        ("POST", "/api/tasks", {"title": "x"}),
        ("GET", path, None),
        ("PATCH", path, {"title": "x"}),
        ("PUT", path, {"title": "x"}),
        ("PATCH", f"{path}/complete", None),
        ("DELETE", path, None),
    ):
        response = client.open(f"{target}?user_id=mallory", method=method, json=body)
        assert (response.status_code, response.json) == (
            400,
            query_error("user_id", "Unknown query parameter. Remove it."),
        )
    assert client.get("/api/tasks").json == [task]
