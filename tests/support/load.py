"""Clients that send one request after the other, and what their responses must show."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import count
from random import Random
from statistics import median

from tests.support.postgres import Cluster
from tests.support.serving import Endpoint, Server, ask
from tests.support.waiting import LIMIT, wait_until

PAUSE = 0.1
"""Usual seconds between two requests of a client: the tests beside it need CPU too."""
SHORT_PAUSE = 0.02
"""For tests that need requests in flight when something ends."""

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

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 300


@dataclass
class Load:
    """While a `with` lasts, each client sends its next request soon after a response arrives."""

    server: Endpoint
    tokens: list[str]
    pause: float = PAUSE
    requests: list[Sent] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    ending: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Load":
        self.threads = [
            threading.Thread(target=self.run, args=client) for client in enumerate(self.tokens)
        ]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        for thread in self.threads:
            thread.join(2 * LIMIT)  # longer than a request may take
            assert not thread.is_alive(), "a request hangs"

    def run(self, number: int, token: str) -> None:
        connection, chance = self.server.connect(), Random(number)
        for turn in count(number):
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
            self.requests.append(Sent(at, time.monotonic() - at, status))
            if status == 201:
                self.acknowledged.append(content["id"])
            time.sleep(chance.uniform(0, 2 * self.pause))
        connection.close()

    def wait_for_responses(self, more: int = 100) -> None:
        """Return when that many more responses have arrived: the service is under load."""
        target = self.responses() + more
        wait_until(lambda: self.responses() >= target, "no responses arrive")

    def responses(self) -> int:
        return sum(sent.status > 0 for sent in self.requests)

    def statuses(self) -> Counter[int]:
        return Counter(sent.status for sent in self.requests)

    def allow(self, seconds: float) -> float:
        """Return twice the seconds, and the time of 20 usual responses, but at least 1 s.

        A service without the mechanism that a test is about takes several times as long.
        """
        usual = median(sent.seconds for sent in self.requests if sent.succeeded)
        return 2 * seconds + max(1, 20 * usual)

    def outlast(self, since: float, seconds: float) -> float:
        """Go on until no request may fail: `allow(seconds)` after a time. Return when that was."""
        wait_until(lambda: any(sent.succeeded for sent in self.requests), "no request succeeds")
        limit = since + self.allow(seconds)
        wait_until(lambda: time.monotonic() > limit, "the limit is too far away")
        self.wait_for_responses()
        return limit

    def last_failure(self) -> float:
        """Return when the last request was sent that failed or got no response."""
        return max((sent.at for sent in self.requests if not sent.succeeded), default=0)

    def answered(self, since: float, until: float) -> list[Sent]:
        """Return the requests that were sent and answered between two times."""
        return [
            sent for sent in self.requests if since < sent.at and sent.at + sent.seconds < until
        ]


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
        limit = load.outlast(back, 2)
    assert {sent.status for sent in load.answered(silent, back)} == {503}
    assert max(sent.seconds for sent in load.requests) < load.allow(20)
    assert set(load.statuses()) == {200, 201, 503}
    assert load.last_failure() < limit
    assert_kept(cluster, load)
