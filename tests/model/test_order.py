"""Many moves, one after the other and at once: the order is that of a list, and few are renumbered.

`MODEL_ROUNDS` sets how many moves there are: 100 in `make test`, 970 in `make faults`.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.support.api import add_tasks, create
from tests.support.client import Client, MakeApp, Token
from tests.support.order import moved, new_ids, order
from tests.support.waiting import LIMIT, wait_until

MOVES = 70 + 3 * int(os.environ.get("MODEL_ROUNDS", "10"))
DEVICES = 6
pytestmark = pytest.mark.timeout(300 + MOVES)


def test_random_moves_equal_those_of_a_list(client: Client) -> None:
    model = new_ids(client, 12)
    trash: set[int] = set()
    chance = Random(MOVES)
    for _ in range(200 + MOVES):
        task, neighbour = chance.sample(model, 2)
        path = f"/api/tasks/{task}"
        if chance.random() < 0.2:
            response = client.post(f"{path}/restore") if task in trash else client.delete(path)
            assert response.status_code in (200, 204)
            trash ^= {task}
        if task not in trash:
            model.remove(task)
            places: list[tuple[dict[str, Any], int]] = [
                ({"to": "first"}, 0),
                ({"to": "last"}, len(model)),
            ]
            if neighbour not in trash:
                index = model.index(neighbour)
                places += 3 * [({"before": neighbour}, index), ({"after": neighbour}, index + 1)]
            place, index = chance.choice(places)
            moved(client, task, **place)
            model.insert(index, task)
        assert order(client) == [each for each in model if each not in trash]


def renumbered(app: Flask, user: str, movers: list[int]) -> int:
    """Return how many tasks got a position without being moved."""
    count = sa.text(
        "SELECT count(position) FROM tasks WHERE user_id = :user AND id <> ALL (:movers)"
    )
    with app.extensions["engine"].connect() as connection:
        found: int = connection.execute(count, {"user": user, "movers": movers}).scalar_one()
    return found


@pytest.mark.parametrize("place", ["after", "before", "after the last", "before the last"])
def test_moves_into_one_gap_renumber_few_tasks(
    app: Flask, client: Client, user: str, place: str
) -> None:
    add_tasks(app, user, 2 * MOVES + 50)
    ids = order(client)
    movers = ids[2 : 2 * MOVES : 2]
    others = [each for each in ids if each not in set(movers)]
    name, _, follows = place.partition(" ")
    neighbour = others[0] if name == "after" else others[MOVES]
    index = 1 if name == "after" else MOVES
    for task in movers:
        moved(client, task, **{name: neighbour})
        neighbour = task if follows else neighbour
    # "after the last" and "before" keep the movers in the order of their moves.
    moved_ids = movers if (name == "after") == bool(follows) else movers[::-1]
    assert order(client) == [*others[:index], *moved_ids, *others[index:]]
    assert renumbered(app, user, movers) <= 1


@pytest.mark.parametrize("to", ["first", "last"])
def test_moves_to_one_end_renumber_no_task(app: Flask, client: Client, user: str, to: str) -> None:
    add_tasks(app, user, 50)
    ids = order(client)
    movers = ids[20:30]
    for number in range(MOVES):
        moved(client, movers[number % 10], to=to)
    rest = [each for each in ids if each not in movers]
    assert order(client) == ([*movers[::-1], *rest] if to == "first" else [*rest, *movers])
    assert renumbered(app, user, movers) == 0


@pytest.fixture
def devices(make_app: MakeApp, token: Token, user: str) -> list[Client]:
    """Six clients of one user, each with a process of its own."""
    return [Client(make_app(), token(user)) for _ in range(DEVICES)]


WAITING = sa.text(
    "SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE NOT granted AND datname = current_database()"
)


def test_moves_that_waited_for_each_other_get_different_positions(
    app: Flask, client: Client, devices: list[Client], user: str
) -> None:
    ids = new_ids(client, DEVICES + 2)
    engine = app.extensions["engine"]
    transactional = engine.execution_options(isolation_level="READ COMMITTED")
    lock = sa.text("SELECT version FROM accounts WHERE user_id = :user FOR UPDATE")
    with ThreadPoolExecutor(DEVICES) as pool:
        with transactional.connect() as connection, engine.connect() as observer:
            connection.execute(lock, {"user": user})
            moves = [
                pool.submit(moved, device, task, after=ids[0])
                for device, task in zip(devices, ids[2:], strict=True)
            ]
            wait_until(
                lambda: observer.execute(WAITING).scalar_one() == DEVICES, "not all moves wait"
            )
        positions = [each.result(LIMIT)["position"] for each in moves]
    moved_ids = [task for _, task in sorted(zip(positions, ids[2:], strict=True))]
    assert order(client) == [ids[0], *moved_ids, ids[1]]


def test_random_moves_at_once_end_with_one_order(client: Client, devices: list[Client]) -> None:
    ids = new_ids(client, 40)

    def use(number: int) -> list[int]:
        chance, device = Random(number), devices[number]
        created = []
        for _ in range(MOVES // 4):
            place = chance.choice([{"after": ids[0]}, {"before": ids[1]}])
            moved(device, chance.choice(ids[2:]), **place)
            if number < 2:
                moved(device, ids[0], to="first")
                created.append(create(device)["id"])
        return created

    with ThreadPoolExecutor(DEVICES) as pool:
        created = [
            each for found in pool.map(use, range(DEVICES), timeout=LIMIT + MOVES) for each in found
        ]
    final = order(client)
    assert sorted(final) == sorted(ids + created)
    assert [each for each in final if each in created] == sorted(created, reverse=True)
