"""One user with many tasks and many clients does not stop the others."""

import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from threading import Event

from tests.support.client import Token
from tests.support.postgres import Cluster
from tests.support.serving import Server, ask
from tests.support.waiting import wait_until

TASKS = 300_000
CLIENTS = 60
EXPENSIVE = (
    "/api/tasks?q=nothing",
    "/api/tasks?sort=title",
    "/api/tasks/stats",
    "/api/tasks/changes?limit=500",
)


def test_siege_by_one_user_fails_no_request_of_others(
    cluster: Cluster, tmp_path: Path, token: Token, tokens: list[str]
) -> None:
    heavy = f"heavy-{uuid.uuid4().hex}"
    cluster.ask(
        "INSERT INTO tasks (user_id, title, description)"
        " SELECT :heavy, 'task ' || n, repeat('x', 100) FROM generate_series(1, :count) AS n",
        heavy=heavy,
        count=TASKS,
    )
    cluster.ask("ANALYZE tasks")
    answers: Counter[int] = Counter()
    ending = Event()

    def besiege(number: int) -> None:
        connection = server.connect()
        while not ending.is_set():
            path = EXPENSIVE[number % len(EXPENSIVE)]
            answers[ask(connection, "GET", path, token(heavy))[0].status] += 1
        connection.close()

    def work(signed: str) -> list[int]:
        connection = server.connect()
        own = [("POST", b'{"title": "x"}'), ("GET", None)] * 10
        statuses = [ask(connection, how, "/api/tasks", signed, body)[0].status for how, body in own]
        connection.close()
        return statuses

    with (
        Server(tmp_path / "log", cluster.url, USER_TIMEOUT="1") as server,
        ThreadPoolExecutor(CLIENTS + 4) as pool,
    ):
        sieges = [pool.submit(besiege, number) for number in range(CLIENTS)]
        try:
            wait_until(lambda: answers[200] >= 3, "the heavy user is never served")
            wait_until(lambda: answers[429] >= CLIENTS, "nothing is refused")
            done = list(chain.from_iterable(pool.map(work, tokens[:4])))
        finally:
            ending.set()
        for siege in sieges:
            siege.result()
    assert set(done) == {200, 201}
    assert set(answers) == {200, 429}
