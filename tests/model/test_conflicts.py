"""Requests over concurrent connections that meet at one task."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from tests.support.client import Token
from tests.support.postgres import reachable_folder
from tests.support.serving import Server
from tests.support.sync import Person, Reply
from tests.support.waiting import LIMIT

AT_ONCE = 12

Send = Callable[[Person, int], Reply]


@pytest.fixture(scope="module")
def served(database_url: str) -> Iterator[Server]:
    url = database_url.replace("postgresql+psycopg2:", "postgresql:")
    with (
        reachable_folder() as folder,
        Server(folder / "log", url, WEB_CONCURRENCY="2") as server,
    ):
        yield server


@pytest.fixture
def person(served: Server, token: Token, user: str) -> Iterator[Person]:
    person = Person(served, token(user))
    yield person
    person.close()


def at_once(served: Server, person: Person, send: Send) -> list[Reply]:
    """Send a request over each of many connections at the same time."""
    barrier = Barrier(AT_ONCE)

    def run(number: int) -> Reply:
        own = Person(served, person.token)
        own.connection.connect()
        barrier.wait(LIMIT)
        reply = send(own, number)
        own.close()
        return reply

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(run, range(AT_ONCE)))


def create(person: Person) -> dict[str, Any]:
    reply = person.send("POST", "/api/tasks", {"title": "Buy milk"})
    assert reply.status == 201
    task: dict[str, Any] = reply.json
    return task


def statuses(replies: list[Reply]) -> Counter[int]:
    return Counter(reply.status for reply in replies)


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_one_of_many_edits_of_the_same_version_is_kept(
    served: Server, person: Person, method: str
) -> None:
    task = create(person)
    path = f"/api/tasks/{task['id']}"
    etag = f'"{task["version"]}"'

    def edit(own: Person, number: int) -> Reply:
        return own.send(method, path, {"title": f"tab {number}"}, If_Match=etag)

    replies = at_once(served, person, edit)
    assert statuses(replies) == {200: 1, 412: AT_ONCE - 1}
    (kept,) = [reply.json for reply in replies if reply.status == 200]
    assert kept["version"] > task["version"]
    assert person.send("GET", path).json == kept
    stale = [reply.json for reply in replies if reply.status == 412]
    assert {body["error_type"] for body in stale} == {"precondition_failed_error"}
    assert all(body["current"] == kept for body in stale)


def test_one_of_many_toggles_of_the_same_version_is_kept(served: Server, person: Person) -> None:
    task = create(person)
    path = f"/api/tasks/{task['id']}"

    def toggle(own: Person, _: int) -> Reply:
        return own.send("PATCH", f"{path}/complete", None, If_Match=f'"{task["version"]}"')

    assert statuses(at_once(served, person, toggle)) == {200: 1, 412: AT_ONCE - 1}
    assert person.send("GET", path).json["completed"] is True


def test_edits_and_deletes_of_the_same_version_exclude_each_other(
    served: Server, person: Person
) -> None:
    task = create(person)
    path = f"/api/tasks/{task['id']}"
    etag = f'"{task["version"]}"'

    def send(own: Person, number: int) -> Reply:
        if number % 2:
            return own.send("DELETE", path, None, If_Match=etag)
        return own.send("PATCH", path, {"title": "edited"}, If_Match=etag)

    found = statuses(at_once(served, person, send))
    assert found in ({200: 1, 412: AT_ONCE - 1}, {204: 1, 404: AT_ONCE - 1})


def test_one_of_many_creates_with_the_same_key_creates(served: Server, person: Person) -> None:
    def send(own: Person, _: int) -> Reply:
        return own.send("POST", "/api/tasks", {"title": "once"}, Idempotency_Key="one key")

    replies = at_once(served, person, send)
    assert statuses(replies) == {201: 1, 200: AT_ONCE - 1}
    (task,) = person.list("all").values()
    for reply in replies:
        assert reply.json == task
        expected = "true" if reply.status == 200 else None
        assert reply.headers["Idempotency-Replayed"] == expected


def test_one_of_many_deletes_deletes_and_all_restores_succeed(
    served: Server, person: Person
) -> None:
    task = create(person)
    path = f"/api/tasks/{task['id']}"
    deletes = at_once(served, person, lambda own, _: own.send("DELETE", path))
    assert statuses(deletes) == {204: 1, 404: AT_ONCE - 1}
    restores = at_once(served, person, lambda own, _: own.send("POST", f"{path}/restore"))
    assert statuses(restores) == {200: AT_ONCE}
    (restored,) = person.list("all").values()
    changing = ("version", "updated_at")
    assert {name: restored[name] for name in task if name not in changing} == {
        name: task[name] for name in task if name not in changing
    }
    assert {reply.json["version"] for reply in restores} == {restored["version"]}


def test_bulk_changes_of_the_same_tasks_in_other_orders_do_not_deadlock(
    served: Server, person: Person
) -> None:
    ids = [create(person)["id"] for _ in range(20)]

    def send(own: Person, number: int) -> Reply:
        ordered = ids if number % 2 else ids[::-1]
        body = {"ids": ordered, "changes": {"tags": [f"tab {number}"]}}
        return own.send("PATCH", "/api/tasks", body)

    assert statuses(at_once(served, person, send)) == {200: AT_ONCE}
    assert len({tuple(task["tags"]) for task in person.list("all").values()}) == 1


def test_erasures_at_once_with_creates_fail_no_request(served: Server, person: Person) -> None:
    def send(own: Person, number: int) -> Reply:
        if number % 4:
            return own.send("POST", "/api/tasks", {"title": "x"})
        return own.send("DELETE", "/api/account")

    assert statuses(at_once(served, person, send)) == {201: 3 * AT_ONCE // 4, 204: AT_ONCE // 4}
    assert person.send("DELETE", "/api/account").status == 204
    assert not person.list("all") | person.list("deleted")
