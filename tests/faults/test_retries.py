"""Creates that are retried with their keys until they are acknowledged: each exists once."""

import json
import os
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from random import Random

from tests.support.client import Token
from tests.support.postgres import Cluster
from tests.support.serving import Endpoint, Server, workers
from tests.support.sync import Person, Replica
from tests.support.waiting import LIMIT

WRITERS = 8
FAILURES = {0, 502, 503}  # 0: no response
PATIENCE = LIMIT  # seconds until a create must be acknowledged


class Phone:
    """Sends each create until it hears a response. Some responses it does not wait for."""

    def __init__(self, server: Endpoint, token: str) -> None:
        self.person = Person(server, token)
        self.chance = Random()
        self.acknowledged: dict[str, int] = {}
        self.statuses: Counter[int] = Counter()

    def run(self, ending: threading.Event) -> None:
        while not ending.is_set():
            self.create_until_acknowledged(uuid.uuid4().hex)
            time.sleep(0.02)
        self.person.close()

    def create_until_acknowledged(self, key: str) -> None:
        body = {"title": "once", "description": key}
        deadline = time.monotonic() + PATIENCE
        while key not in self.acknowledged:
            assert time.monotonic() < deadline, "a create is never acknowledged"
            try:
                if self.chance.random() < 0.1:
                    self.hang_up_after_sending(key, body)
                reply = self.person.send("POST", "/api/tasks", body, Idempotency_Key=key)
            except (OSError, HTTPException):
                self.person.close()
                self.statuses[0] += 1
                continue
            self.statuses[reply.status] += 1
            if reply.status in (200, 201):
                self.acknowledged[key] = reply.json["id"]
            time.sleep(0.05 if reply.status in (429, 503) else 0)

    def hang_up_after_sending(self, key: str, body: dict[str, str]) -> None:
        headers = {"Authorization": f"Bearer {self.person.token}", "Idempotency-Key": key}
        headers["Content-Type"] = "application/json"
        self.person.connection.request("POST", "/api/tasks", json.dumps(body), headers)
        time.sleep(self.chance.random() * 0.01)
        self.person.close()


def follow(replica: Replica, ending: threading.Event) -> None:
    """Poll through every fault."""
    chance = Random()
    while not ending.is_set():
        try:
            replica.poll(chance.randint(1, 7))
        except (OSError, HTTPException):
            replica.person.close()
        time.sleep(0.02)
    replica.person.close()


def assert_each_create_happened_once(
    cluster: Cluster, server: Endpoint, token: str, break_it: Callable[[], None]
) -> None:
    """Break something while creates are retried, again if that stopped no request.

    Each key has one task, and no copy lacks one.
    """
    phones = [Phone(server, token) for _ in range(WRITERS)]
    replicas = [Replica(Person(server, token), is_patient=True) for _ in range(2)]
    ending = threading.Event()
    with ThreadPoolExecutor(WRITERS + len(replicas)) as pool:
        running = [pool.submit(phone.run, ending) for phone in phones]
        running += [pool.submit(follow, replica, ending) for replica in replicas]
        try:
            break_it()
            while not any(phone.statuses.keys() & FAILURES for phone in phones):
                break_it()
        finally:
            ending.set()
        for job in running:
            job.result(PATIENCE + LIMIT)
    statuses = sum((phone.statuses for phone in phones), Counter())
    # 429: requests that nobody waits for are served too, and count as the user's.
    assert set(statuses) <= {200, 201, 429, *FAILURES}
    assert statuses[200] > 0, "no create was retried after it had been written"
    acknowledged = {key: id_ for phone in phones for key, id_ in phone.acknowledged.items()}
    keys = list(acknowledged)
    stored = "SELECT description || ' ' || id FROM tasks WHERE description = ANY(:keys)"
    found = sorted(cluster.ask(stored, keys=keys))
    assert found == sorted(f"{key} {id_}" for key, id_ in acknowledged.items())
    for replica in replicas:
        replica.catch_up(Random())
        assert replica.tasks.keys() == set(acknowledged.values())
        replica.person.close()


def test_creates_retried_over_restarts_of_the_database_happen_once(
    cluster: Cluster, served: Server, token: Token, user: str
) -> None:
    def restart() -> None:
        for mode in ("fast", "immediate", "immediate"):
            time.sleep(2)
            log = str(cluster.home / "data/server.log")
            cluster.control("restart", "-m", mode, "-l", log)
        time.sleep(2)

    assert_each_create_happened_once(cluster, served, token(user), restart)


def test_creates_retried_over_killed_connections_and_workers_happen_once(
    cluster: Cluster, served: Server, token: Token, user: str
) -> None:
    def kill() -> None:
        for turn in range(20):
            time.sleep(0.3)
            cluster.terminate_backends()
            if turn % 10 == 5:
                os.kill(min(workers(served)), signal.SIGKILL)

    assert_each_create_happened_once(cluster, served, token(user), kill)
