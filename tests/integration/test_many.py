"""Many tasks at once: to the trash, back from it, and out of it for good."""

from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.support.api import add_tasks, create, input_error, run_before
from tests.support.client import Client, MakeClient
from tests.support.waiting import wait_until
from todo_api.limits import MAX_ID
from todo_api.tasks import queries

TRASH, RESTORE, EMPTY = "/api/tasks/trash", "/api/tasks/restore", "/api/tasks?status=deleted"
WAITS = sa.text("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ :user")


def move(client: Client, path: str, ids: list[int]) -> list[int]:
    response = client.post(path, json={"ids": ids})
    assert (response.status_code, list(response.json)) == (200, ["ids"])
    moved: list[int] = response.json["ids"]
    return moved


def ids_of(client: Client, path: str) -> list[int]:
    return [task["id"] for task in client.get(path).json]


def changed_since(client: Client, token: str) -> Any:
    return client.get("/api/tasks/changes", query_string={"since": token})


def test_several_tasks_go_to_the_trash_and_back(
    client: Client, client_of: MakeClient, user: str
) -> None:
    theirs = create(client_of(f"other-{user}"))
    made = [create(client) for _ in range(3)]
    first, kept, last = (task["id"] for task in made)
    token = client.get("/api/tasks/changes").json["next"]
    sent = [last, MAX_ID, first, theirs["id"], last]
    assert move(client, TRASH, sent) == [last, first]
    assert ids_of(client, EMPTY) == [last, first]
    assert changed_since(client, token).json["deleted"] == [first, last]
    assert move(client, RESTORE, [kept, *sent]) == [kept, last, first]
    (changed, again) = changed_since(client, token).json["tasks"]
    assert changed == made[0] | {"version": 5}
    assert again == made[2] | {"version": 5}, "each batch takes one version"
    assert client_of(f"other-{user}").get("/api/tasks").json == [theirs]


def test_a_retry_returns_the_same_ids_and_changes_nothing(client: Client) -> None:
    ids = [create(client)["id"] for _ in range(2)]
    for path, status in ((TRASH, "deleted"), (RESTORE, "all")):
        assert move(client, path, ids[:1]) == ids[:1]
        before = client.get(f"/api/tasks?status={status}")
        assert move(client, path, ids[:1]) == ids[:1]
        after = client.get(f"/api/tasks?status={status}")
        assert (after.json, after.headers["ETag"]) == (before.json, before.headers["ETag"])


def test_tasks_from_before_the_accounts_are_moved_too(
    app: Flask, client: Client, user: str
) -> None:
    add_tasks(app, user, 2)
    ids = ids_of(client, "/api/tasks")
    assert move(client, RESTORE, ids) == move(client, TRASH, ids) == ids
    assert client.get("/api/tasks/changes").json["deleted"] == sorted(ids)
    assert client.delete(EMPTY).json["ids"] == ids


def test_one_undo_brings_back_exactly_what_one_click_removed(client: Client) -> None:
    done = [create(client, completed=True) for _ in range(3)]
    other = create(client)["id"]
    ids = client.delete("/api/tasks?status=completed").json["ids"]
    client.delete(f"/api/tasks/{other}")  # meanwhile, on another device
    client.post(f"/api/tasks/{ids[0]}/restore")
    assert move(client, RESTORE, ids) == ids == [task["id"] for task in reversed(done)]
    assert ids_of(client, "/api/tasks") == ids
    assert ids_of(client, EMPTY) == [other]


@pytest.mark.parametrize("path", [TRASH, RESTORE])
def test_invalid_ids_are_named_in_the_error(client: Client, path: str) -> None:
    at_least, at_most = "Must have at least 1 item.", "Must have at most 1000 items."
    for body, expected in (
        ({}, input_error(["body", "ids"], "Missing data for required field.")),
        ({"ids": []}, input_error(["body", "ids"], at_least, "too_few", 1)),
        ({"ids": [0] * 1_001}, input_error(["body", "ids"], at_most, "too_many", 1_000)),
        ({"ids": 1}, input_error(["body", "ids"], "Must be a JSON array.")),
        ({"ids": [1], "changes": {}}, input_error(["body", "changes"], "Unknown field.")),
    ):
        response = client.post(path, json=body)
        assert (response.status_code, response.json) == (400, expected)
    refused = client.post(path, json={"ids": [1]}, headers={"Idempotency-Key": "a"})
    assert refused.status_code == 400
    assert move(client, path, list(range(MAX_ID - 999, MAX_ID + 1))) == []


def test_a_restore_that_waits_for_a_deletion_restores(
    app: Flask, client: Client, user: str
) -> None:
    """The deletion holds the account until its commit. The restore began before that."""
    id_ = create(client)["id"]
    engine = app.extensions["engine"]
    with (
        engine.execution_options(isolation_level="READ COMMITTED").connect() as other,
        engine.connect() as watching,
        ThreadPoolExecutor() as threads,
    ):
        for change in (
            "UPDATE accounts SET version = 2 WHERE user_id = :user",
            "UPDATE tasks SET version = 2, deleted_at = now() WHERE user_id = :user",
        ):
            other.execute(sa.text(change), {"user": user})
        waiting = threads.submit(move, client, RESTORE, [id_])
        wait_until(lambda: watching.execute(WAITS, {"user": user}).scalar(), "it does not wait")
        other.commit()
        assert waiting.result() == [id_]
    assert ids_of(client, "/api/tasks") == [id_]


def test_trash_is_emptied_a_thousand_at_once(
    app: Flask, client: Client, client_of: MakeClient, user: str
) -> None:
    other = client_of(f"other-{user}")
    theirs = create(other)
    other.delete(f"/api/tasks/{theirs['id']}")
    add_tasks(app, user, 1_001, completed=True)
    for _ in range(2):
        client.delete("/api/tasks?status=completed")
    kept, *newest = create(client), *ids_of(client, f"{EMPTY}&limit=2")
    for expected in (1_000, 1, 0):
        answer = client.delete(EMPTY).json
        assert answer["deleted"] == len(answer["ids"]) == expected
        assert answer["has_more"] is (expected == 1_000)
        assert expected < 1_000 or answer["ids"][:2] == newest
    assert client.get(EMPTY).json == []
    assert client.get("/api/tasks").json == [kept]
    assert ids_of(other, EMPTY) == [theirs["id"]]


def test_clients_that_had_synced_the_deletions_go_on(client: Client) -> None:
    ids = [create(client)["id"] for _ in range(3)]
    before = client.get("/api/tasks/changes").json["next"]
    move(client, TRASH, ids[:2])
    after = client.get("/api/tasks/changes").json["next"]
    tag = client.get(EMPTY).headers["ETag"]
    assert client.delete(EMPTY).json == {"deleted": 2, "ids": ids[1::-1], "has_more": False}
    assert client.get(EMPTY).headers["ETag"] != tag
    assert changed_since(client, before).status_code == 410
    new = create(client)
    page = changed_since(client, after).json
    assert (page["tasks"], page["deleted"]) == ([new], [])
    assert client.delete(EMPTY).json["deleted"] == 0
    assert changed_since(client, after).json["tasks"] == [new]


def test_task_restored_while_the_trash_is_emptied_stays(client: Client) -> None:
    ids = [create(client)["id"] for _ in range(2)]
    move(client, TRASH, ids)
    other = Client(client.application, client.token)
    _, erase = queries.DELETE_BY_STATUS["deleted"]
    with run_before(erase, lambda: move(other, RESTORE, ids[:1])):
        assert client.delete(EMPTY).json["ids"] == ids[1:]
    assert ids_of(client, "/api/tasks") == ids[:1]


def test_clients_that_empty_the_trash_at_once_erase_each_task_once(
    app: Flask, client_of: MakeClient, user: str
) -> None:
    add_tasks(app, user, 3_000, deleted_at="now")

    def empty(client: Client) -> list[int]:
        answer: Any = {"has_more": True}
        ids: list[int] = []
        while answer["has_more"]:
            answer = client.delete(EMPTY).json
            ids += answer["ids"]
        return ids

    with ThreadPoolExecutor(3) as pool:
        ids = list(chain.from_iterable(pool.map(empty, [client_of(user) for _ in range(3)])))
    assert len(ids) == len(set(ids)) == 3_000
