"""Creates that are safe to retry: `Idempotency-Key`."""

from hashlib import sha256

import pytest
import sqlalchemy as sa

from tests.support.api import input_error, location, run_before
from tests.support.client import Client
from todo_api.database.models import tasks
from todo_api.tasks import queries

KEY = {"Idempotency-Key": "4f8a4bcb"}


def test_same_key_and_body_return_the_task_as_it_is_now(client: Client) -> None:
    body = {"title": "Buy milk", "tags": ["Home"], "due_date": None}
    first = client.post("/api/tasks", json=body, headers=KEY)
    assert first.status_code == 201
    assert "Idempotency-Replayed" not in first.headers
    path = location(first)
    now = client.patch(path, json={"completed": True}).json
    retry = client.post("/api/tasks", json=dict(reversed(body.items())), headers=KEY)
    assert (retry.status_code, retry.json) == (200, now)
    assert retry.headers["Idempotency-Replayed"] == "true"
    assert (location(retry), retry.headers["ETag"]) == (path, '"2"')
    assert client.get("/api/tasks").json == [now]


def test_same_key_with_another_body_is_a_422(client: Client) -> None:
    client.post("/api/tasks", json={"title": "x"}, headers=KEY)
    response = client.post("/api/tasks", json={"title": "y"}, headers=KEY)
    assert (response.status_code, response.json) == (
        422,
        {
            "detail": "This Idempotency-Key was sent with another body. Send a new key.",
            "status_code": 422,
            "error_type": "unprocessable_error",
        },
    )
    assert [task["title"] for task in client.get("/api/tasks").json] == ["x"]


@pytest.mark.parametrize("key", ["~", " inner space ", "x" * 255, "!\"#$%&'()*+,;:@[]{}|"])
def test_key_may_be_any_printable_ascii(client: Client, key: str) -> None:
    for status in (201, 200):
        response = client.post("/api/tasks", json={"title": "x"}, headers={"Idempotency-Key": key})
        assert response.status_code == status


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\xe9", "tab\there", "del\x7f"])
def test_invalid_key_is_named_in_the_error(client: Client, key: str) -> None:
    response = client.post("/api/tasks", json={"title": "x"}, headers={"Idempotency-Key": key})
    message = "Must have 1 to 255 printable ASCII characters."
    expected = input_error(["header", "Idempotency-Key"], message)
    assert (response.status_code, response.json) == (400, expected)
    assert client.get("/api/tasks").json == []


def test_hash_of_a_body_does_not_change_with_new_fields(client: Client, user: str) -> None:
    """A client may retry over a deploy that adds a field."""
    client.post("/api/tasks", json={"title": "x", "tags": []}, headers=KEY)
    with client.application.extensions["engine"].connect() as connection:
        stored = sa.select(tasks.c.idempotency_hash).where(tasks.c.user_id == user)
        assert connection.execute(stored).scalar_one() == sha256(b'{"new_title":"x"}').hexdigest()


def test_invalid_body_does_not_use_up_its_key(client: Client) -> None:
    assert client.post("/api/tasks", json={"title": ""}, headers=KEY).status_code == 400
    assert client.post("/api/tasks", json={"title": "x"}, headers=KEY).status_code == 201


def test_key_lives_as_long_as_its_task(client: Client) -> None:
    def send() -> int:
        return client.post("/api/tasks", json={"title": "x"}, headers=KEY).status_code

    assert send() == 201
    (task,) = client.get("/api/tasks").json
    client.delete(f"/api/tasks/{task['id']}")
    assert send() == 200  # it is in the trash
    client.delete("/api/account")
    assert send() == 201


def test_key_whose_task_is_erased_during_the_retry_creates_another(client: Client) -> None:
    first = client.post("/api/tasks", json={"title": "x"}, headers=KEY)
    other = Client(client.application, client.token)
    with run_before(queries.GET_BY_KEY, lambda: other.delete("/api/account")):
        second = client.post("/api/tasks", json={"title": "x"}, headers=KEY)
    assert (first.status_code, second.status_code) == (201, 201)
    assert client.get("/api/tasks").json == [second.json]
