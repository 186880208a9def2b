"""Clients that never let go, and what must hold of the responses that they got."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException

from tests.support.postgres import Cluster
from tests.support.serving import Server, ask

REQUESTS = [
    ("POST", "/api/tasks", b'{"title": "x", "tags": ["load"]}'),
    ("GET", "/api/tasks?limit=5", None),
    ("PATCH", "/api/tasks", b'{"ids": [1, 2], "changes": {"priority": "high"}}'),
    ("GET", "/api/tasks?limit=5&q=x&tag=load&sort=-due_date", None),
    ("DELETE", "/api/tasks?status=completed", None),
    ("GET", "/api/tasks/stats", None),
]


@dataclass
class Answer:
    """One request of one client: when it was sent, how long it took, its status (0: none came)."""

    sent: float
    seconds: float
    status: int
    method: str


@dataclass
class Load:
    """Clients that read and write as fast as they are answered while a `with` lasts."""

    server: Server
    tokens: list[str]
    answers: list[Answer] = field(default_factory=list)
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
            thread.join(60)
            assert not thread.is_alive(), "a request hangs"

    def run(self, token: str) -> None:
        connection = self.server.connect()
        for turn in range(1_000_000):
            if self.ending.is_set():
                break
            method, path, body = REQUESTS[turn % len(REQUESTS)]
            sent = time.monotonic()
            try:
                response, content = ask(connection, method, path, token, body)
                status = response.status
            except (OSError, HTTPException):
                connection.close()
                status = 0
            self.answers.append(Answer(sent, time.monotonic() - sent, status, method))
            if status == 201:
                self.acknowledged.append(content["id"])
            time.sleep(0.01)
        connection.close()

    def statuses(self) -> Counter[int]:
        return Counter(answer.status for answer in self.answers)

    def last_refused(self) -> float:
        """When the last answer came that was no 2xx."""
        return max(
            (answer.sent + answer.seconds for answer in self.answers if answer.status >= 300),
            default=0,
        )


def assert_kept(cluster: Cluster, load: Load) -> None:
    """No write that was acknowledged is missing."""
    assert load.acknowledged
    kept = set(cluster.ask("SELECT id FROM tasks WHERE id = ANY(:ids)", ids=load.acknowledged))
    assert set(load.acknowledged) == kept


def assert_silence_is_given_up(
    cluster: Cluster,
    server: Server,
    tokens: list[str],
    fall_silent: Callable[[], None],
    speak_again: Callable[[], None],
) -> None:
    """A database out of reach for 25 s is a 503 within 20 s, and is over within 2 s."""
    with Load(server, tokens) as load:
        time.sleep(1)
        fall_silent()
        silent = time.monotonic()
        time.sleep(25)
        connection = server.connect()
        started = time.monotonic()
        assert ask(connection, "GET", "/health", "")[0].status == 200
        assert time.monotonic() - started < 1
        connection.close()
        speak_again()
        back = time.monotonic()
        time.sleep(6)
    meanwhile = [answer for answer in load.answers if silent < answer.sent < back - 20]
    assert {answer.status for answer in meanwhile} == {503}
    assert max(answer.seconds for answer in load.answers) < 20
    assert set(load.statuses()) == {200, 201, 503}
    assert load.last_refused() < back + 2
    assert_kept(cluster, load)
