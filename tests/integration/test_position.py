"""Moves in the order by hand, and the lists in that order."""

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.support.api import body_error, create, next_link, run_before
from tests.support.client import Client, MakeClient
from tests.support.order import move, moved, new_ids, order
from todo_api.tasks import queries

NO_NEIGHBOUR_MESSAGE = "Must be the id of another of your tasks, outside the trash."
ONE_PLACE_MESSAGE = "Send exactly one of `after`, `before` and `to`."


def test_new_tasks_come_first(client: Client) -> None:
    first, second, third = new_ids(client, 3)
    assert order(client) == [first, second, third]
    newest = create(client)["id"]
    assert order(client) == [newest, first, second, third]


def test_a_task_moves_after_or_before_another_and_to_either_end(client: Client) -> None:
    a, b, c, d = new_ids(client, 4)
    moved(client, a, after=c)
    assert order(client) == [b, c, a, d]
    moved(client, d, before=c)
    assert order(client) == [b, d, c, a]
    moved(client, c, to="first")
    assert order(client) == [c, b, d, a]
    moved(client, b, to="last")
    assert order(client) == [c, d, a, b]


@pytest.mark.parametrize("name", ["after", "before", "to"])
def test_the_same_move_again_changes_no_order_and_no_position(client: Client, name: str) -> None:
    ids = new_ids(client, 5)
    place = {name: "first" if name == "to" else ids[1]}
    once = moved(client, ids[3], **place)
    before = order(client)
    again = moved(client, ids[3], **place)
    assert order(client) == before
    assert again == once | {"version": once["version"] + 1}


@pytest.fixture
def full(app: Flask, client: Client, user: str) -> list[int]:
    """Three tasks, in their order. No position is left between the last two, and none is below."""
    ids = new_ids(client, 3)
    statement = sa.text("UPDATE tasks SET position = :place WHERE user_id = :user AND id = :id")
    with app.extensions["engine"].connect() as connection:
        for id_, digit in zip(ids[1:], "89", strict=True):
            values = {"user": user, "id": id_, "place": f"{2 * 10**16}.{'9' * 45}{digit}"}
            connection.execute(statement, values)
    return ids


@pytest.mark.parametrize("side", ["after", "before"])
def test_a_full_gap_above_the_last_task_takes_another(
    client: Client, full: list[int], side: str
) -> None:
    task, above, last = full
    moved(client, task, **{side: above if side == "after" else last})
    assert order(client) == [above, task, last]


def test_a_task_in_the_trash_makes_room_without_a_new_version(
    client: Client, full: list[int]
) -> None:
    task, above, last = full
    client.delete(f"/api/tasks/{last}")
    (trashed,) = client.get("/api/tasks?status=deleted").json
    since = client.get("/api/tasks/changes").json["next"]
    moved(client, task, after=above)
    (again,) = client.get("/api/tasks?status=deleted").json
    assert again["position"] > trashed["position"]
    assert again["version"] == trashed["version"]
    assert client.get(f"/api/tasks/changes?since={since}").json["deleted"] == []
    assert client.post(f"/api/tasks/{last}/restore").status_code == 200
    assert order(client) == [above, task, last]


def test_the_only_task_moves_to_where_it_is(client: Client) -> None:
    task = create(client)
    for to in ("first", "last"):
        assert moved(client, task["id"], to=to)["position"] == task["position"]


def test_a_move_changes_the_version_and_nothing_else_of_the_task(client: Client) -> None:
    _, task = create(client), create(client)
    tags = {client.get(path).headers["ETag"] for path in ("/api/tasks", "/api/tasks?sort=position")}
    since = client.get("/api/tasks/changes").json["next"]
    response = move(client, task["id"], to="last")
    assert response.headers["ETag"] == f'"{response.json["version"]}"'
    changed = {"version": task["version"] + 1, "position": response.json["position"]}
    assert response.json == task | changed
    assert client.get(f"/api/tasks/{task['id']}").json == response.json
    assert client.get(f"/api/tasks/changes?since={since}").json["tasks"] == [response.json]
    now = {client.get(path).headers["ETag"] for path in ("/api/tasks", "/api/tasks?sort=position")}
    assert not tags & now


def test_tasks_below_a_full_gap_are_spread_and_are_in_the_changes(client: Client) -> None:
    top, *rest = new_ids(client, 130)
    since = client.get("/api/tasks/changes?limit=500").json["next"]
    movers, neighbour = rest[1::2], top
    before = {task["id"]: task for task in client.get("/api/tasks?limit=500").json}
    for task in movers:  # each after the one before it, which fills the gap as fast as can be
        neighbour = moved(client, task, after=neighbour)["id"]
    assert order(client) == [top, *movers, *rest[::2]]
    after = {task["id"]: task for task in client.get("/api/tasks?limit=500").json}
    changed = [id_ for id_ in before if after[id_] != before[id_]]
    assert set(movers) < set(changed), "no other task was spread"
    assert len(changed) < len(movers) + 10
    sent = client.get(f"/api/tasks/changes?since={since}&limit=500").json["tasks"]
    assert {task["id"]: task for task in sent} == {id_: after[id_] for id_ in changed}


def test_every_response_has_the_position(client: Client) -> None:
    ids = new_ids(client, 3)
    task = moved(client, ids[0], to="last")
    path = f"/api/tasks/{task['id']}"
    client.delete(path)
    responses = [
        client.get("/api/tasks?status=deleted").json[0],
        client.post(f"{path}/restore").json,
        client.patch(path, json={"title": "x"}).json,
        client.patch(path, json={}).json,
        client.patch(f"{path}/complete").json,
        client.patch("/api/tasks", json={"ids": [task["id"]], "changes": {"title": "y"}}).json[0],
        client.get("/api/tasks/changes").json["tasks"][-1],
        client.get(path).json,
    ]
    assert {each["position"] for each in responses} == {task["position"]}


def test_a_task_keeps_its_place_in_the_trash(client: Client) -> None:
    ids = new_ids(client, 4)
    moved(client, ids[0], after=ids[2])
    kept = order(client)
    client.delete(f"/api/tasks/{ids[0]}")
    assert order(client, status="deleted") == [ids[0]]
    moved(client, ids[1], after=ids[2])  # into the gap where the other one was
    client.post(f"/api/tasks/{ids[0]}/restore")
    assert order(client) == [ids[2], ids[1], ids[0], ids[3]]
    assert kept == [ids[1], ids[2], ids[0], ids[3]]


def test_later_tasks_come_above_those_that_were_moved_to_the_first_place(client: Client) -> None:
    ids = new_ids(client, 3)
    for number in range(40):
        moved(client, ids[-1], to="first")
        ids = [ids[-1], *ids[:-1]]
        if number % 20 == 19:
            ids.insert(0, create(client)["id"])
        assert order(client) == ids


def test_later_tasks_come_above_when_the_highest_id_was_erased(app: Flask, client: Client) -> None:
    newest, *ids = new_ids(client, 3)
    moved(client, ids[1], to="first")
    with app.extensions["engine"].connect() as connection:
        connection.execute(sa.text("DELETE FROM tasks WHERE id = :id"), {"id": newest})
    moved(client, ids[0], to="first")
    assert order(client) == ids
    newest = create(client)["id"]
    assert order(client) == [newest, *ids]


@pytest.mark.parametrize("body", [{}, {"after": 1, "to": "last"}, {"after": 1, "before": 2}])
def test_a_move_has_exactly_one_place(client: Client, body: dict[str, Any]) -> None:
    response = move(client, create(client)["id"], **body)
    assert (response.status_code, response.json) == (400, body_error("", ONE_PLACE_MESSAGE))


def test_an_invalid_place_is_named_in_the_error(client: Client) -> None:
    task = create(client)["id"]
    for name, value, message in (
        ("to", "top", "Must be one of: first, last."),
        ("to", None, "Field may not be null."),
        ("after", None, "Field may not be null."),
        ("before", "1", f"Must be a whole number from 1 to {2**53 - 1}."),
        ("below", 1, "Unknown field."),
    ):
        response = move(client, task, **{name: value})
        assert response.status_code == 400
        assert [response.json["errors"][0][key] for key in ("loc", "msg")] == [
            ["body", name],
            message,
        ]


@pytest.mark.parametrize("name", ["after", "before"])
def test_unknown_foreign_trashed_and_own_neighbours_get_the_same_400(
    client: Client, client_of: MakeClient, user: str, name: str
) -> None:
    task, trashed = new_ids(client, 2)
    client.delete(f"/api/tasks/{trashed}")
    foreign = create(client_of(f"other-{user}"))["id"]
    tag = client.get("/api/tasks").headers["ETag"]
    for neighbour in (2**53 - 1, foreign, trashed, task):
        response = move(client, task, **{name: neighbour})
        expected = body_error(name, NO_NEIGHBOUR_MESSAGE)
        assert (response.status_code, response.json) == (400, expected)
    assert client.get("/api/tasks").headers["ETag"] == tag


def test_an_absent_task_is_not_found_whatever_the_place(client: Client) -> None:
    other, trashed = new_ids(client, 2)
    client.delete(f"/api/tasks/{trashed}")
    for task in (2**53 - 1, trashed):
        for place in ({"to": "first"}, {"after": other}, {"before": 2**53 - 1}):
            assert move(client, task, **place).status_code == 404


def test_a_move_checks_the_version(client: Client) -> None:
    _, last = new_ids(client, 2)
    path, place = f"/api/tasks/{last}/position", {"to": "first"}
    stale = client.patch(path, json=place, headers={"If-Match": '"9"'})
    assert (stale.status_code, stale.json["error_type"]) == (412, "precondition_failed_error")
    assert order(client)[1] == last
    assert client.patch(path, json=place, headers={"If-Match": '"1"'}).status_code == 200
    assert order(client)[0] == last


def test_a_task_from_before_accounts_can_be_moved(app: Flask, client: Client, user: str) -> None:
    ids = new_ids(client, 2)
    with app.extensions["engine"].connect() as connection:
        connection.execute(sa.text("DELETE FROM accounts WHERE user_id = :user"), {"user": user})
    assert moved(client, ids[1], to="first")["version"] == 1
    assert order(client) == ids[::-1]


def test_a_task_that_is_restored_during_its_move_is_moved(client: Client) -> None:
    first, last = new_ids(client, 2)
    path = f"/api/tasks/{last}"
    client.delete(path)
    with run_before(queries.CHANGE.unchanged, lambda: client.post(f"{path}/restore")):
        moved(client, last, to="first")
    assert order(client) == [last, first]


def test_pages_by_position_go_on_while_others_move(client: Client) -> None:
    new_ids(client, 6)
    for sort, to in (("position", "first"), ("-position", "last")):
        expected = order(client)[:: 1 if to == "first" else -1]
        found: list[int] = []
        path = f"/api/tasks?sort={sort}&limit=2&status=active"
        while path:
            page = client.get(path)
            found += [task["id"] for task in page.json]
            moved(client, found[1], to=to)  # within what was read
            path = next_link(page)
        assert found == expected
