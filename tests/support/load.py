"""Clients that send one request after the other, and what their responses must show."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from statistics import median

from tests.support.postgres import Cluster
from tests.support.serving import Endpoint, Server, ask
from tests.support.waiting import LIMIT, wait_until

PAUSE = 0.1
"""Seconds between two requests of a client, so that a load leaves CPU to the tests beside it."""

REQUESTS = [
    ("POST", "/api/tasks", b'{"title": "x", "tags": ["load"]}'),
    ("GET", "/api/tasks?limit=5", None),
    ("PATCH", "/api/tasks", b'{"ids": [1, 2], "changes": {"priority": "high"}}'),
    ("GET", "/api/tasks?limit=5&q=x&tag=load&sort=-due_date", None),
    ("DELETE", "/api/tasks?status=completed", None),
    ("GET", "/api/tasks/stats", None),
]


@dataclass
class Sent:
    """A request: the time it was sent, its duration, its status code (0: no response)."""

    at: float
    seconds: float
    status: int
    method: str


@dataclass
class Load:
    """While a `with` lasts, each client sends its next request soon after a response arrives."""

    server: Endpoint
    tokens: list[str]
    requests: list[Sent] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    ending: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Load":
        self.threads = [threading.Thread(target=self.run, args=(token,)) for token in self.tokens]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        for thread in self.threads:
            thread.join(2 * LIMIT)  # longer than a request may take
            assert not thread.is_alive(), "a request hangs"

    def run(self, token: str) -> None:
        connection = self.server.connect()
        for turn in range(1_000_000):
            if self.ending.is_set():
                break
            method, path, body = REQUESTS[turn % len(REQUESTS)]
            at = time.monotonic()
            try:
                response, content = ask(connection, method, path, token, body)
                status = response.status
            except (OSError, HTTPException):
                connection.close()
                status = 0
            self.requests.append(Sent(at, time.monotonic() - at, status, method))
            if status == 201:
                self.acknowledged.append(content["id"])
            time.sleep(PAUSE)
        connection.close()

    def wait_for_responses(self, count: int = 100) -> None:
        """Return when that many more responses have arrived: the service is under load."""
        target = len(self.requests) + count
        wait_until(lambda: len(self.requests) >= target, "no responses arrive")

    def statuses(self) -> Counter[int]:
        return Counter(sent.status for sent in self.requests)

    def allow(self, seconds: float) -> float:
        """Return a limit for this machine: twice the time, and that of 20 usual responses on top.

        Without the mechanism that a test is about, it takes several times as long.
        """
        return 2 * seconds + 20 * median(
            sent.seconds for sent in self.requests if sent.status < 300
        )

    def answered(self, since: float, until: float) -> list[Sent]:
        """Return the requests that were sent and answered between two times."""
        return [
            sent for sent in self.requests if since < sent.at and sent.at + sent.seconds < until
        ]

    def last_failure(self) -> float:
        """Return when the last request was sent whose response was an error."""
        return max((sent.at for sent in self.requests if sent.status >= 300), default=0)


def assert_kept(cluster: Cluster, load: Load) -> None:
    """Every acknowledged write is in the database."""
    assert load.acknowledged
    kept = set(cluster.ask("SELECT id FROM tasks WHERE id = ANY(:ids)", ids=load.acknowledged))
    assert set(load.acknowledged) == kept


def assert_silence_is_a_503_and_recovers(
    cluster: Cluster,
    server: Server,
    tokens: list[str],
    silence: Callable[[], None],
    restore: Callable[[], None],
) -> None:
    """A database out of reach for 25 s is a 503 within 20 s, and recovery takes under 2 s."""
    with Load(server, tokens) as load:
        load.wait_for_responses()
        silence()
        silent = time.monotonic()
        time.sleep(25)
        connection = server.connect()
        started = time.monotonic()
        assert ask(connection, "GET", "/health", "")[0].status == 200
        assert time.monotonic() - started < load.allow(1)
        connection.close()
        restore()
        back = time.monotonic()
        time.sleep(6)
        load.wait_for_responses()
    assert {sent.status for sent in load.answered(silent, back)} == {503}
    assert max(sent.seconds for sent in load.requests) < load.allow(20)
    assert set(load.statuses()) == {200, 201, 503}
    assert load.last_failure() < back + load.allow(2)
    assert_kept(cluster, load)
