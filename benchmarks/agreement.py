"""Checks that all services do the same work, before any is measured."""

import json
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from benchmarks.served import Served, token
from tests.support.api import next_link
from tests.support.serving import ask

TASKS = "/api/tasks"
ORIGIN = "http://localhost:3000"
INVALID: tuple[dict[str, object], ...] = (
    {},
    {"title": " "},
    {"title": "x" * 201},
    {"title": "x\0"},
    {"title": 3},
    {"title": "x", "unknown": 1},
    {"title": "x", "description": "x" * 10_001},
    {"title": "x", "completed": "true"},
    {"title": "x", "priority": "none"},
    {"title": "x", "due_date": "2026-02-30"},
    {"title": "x", "tags": ["x"] * 11},
    {"title": "x", "tags": ["x" * 51]},
)
EDITED = ("user_id", "title", "description", "completed", "priority", "due_date", "tags")
TIMES = ("created_at", "updated_at", "completed_at")
VALID = {
    "title": " Buy milk ",
    "description": " two ",
    "completed": True,
    "priority": "high",
    "due_date": "2026-12-24",
    "tags": [" Home", "home", "Work"],
}


class Caller:
    """Sends requests of one user to a service."""

    def __init__(self, served: Served, user: str) -> None:
        self.served = served
        self.token = token(user)

    def __call__(self, method: str, path: str, body: object = None) -> tuple[int, Any, str]:
        """Return the status code, the content and the path of the next page."""
        with closing(self.served.connect()) as connection:
            sent = None if body is None else json.dumps(body).encode()
            response, content = ask(connection, method, path, self.token, sent, Origin=ORIGIN)
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN, self.served.name
        return response.status, content, next_link(response)


def check_agreement(services: Sequence[Served]) -> None:
    ours, *peers = services
    for peer in peers:
        assert pages(peer) == pages(ours), peer.name
        assert history(peer) == history(ours), peer.name
        check_refusals(peer)


def pages(served: Served) -> list[object]:
    """Return the tasks of two pages. Django and JavaScript show times in milliseconds."""
    call = Caller(served, "many")
    _, first, following = call("GET", f"{TASKS}?limit=20&status=completed")
    _, second, _ = call("GET", following)
    return [
        [task["id"], *(task[name] for name in EDITED), *(str(task[name])[:23] for name in TIMES)]
        for task in (*first, *second)
    ]


def history(served: Served) -> list[object]:
    """Return how a task looks after each write, and the status codes."""
    call = Caller(served, "checked")
    status, task, _ = call("POST", TASKS, VALID)
    path = f"{TASKS}/{task['id']}"
    history: list[object] = []
    for method, changed, body in (
        ("GET", path, None),
        ("PATCH", path, {"title": "Buy oat milk", "description": None, "due_date": None}),
        ("PATCH", path, {"completed": False, "tags": ["x"]}),
        ("PATCH", f"{path}/complete", None),
    ):
        history += [status, task["completed_at"] is None, *(task[name] for name in EDITED)]
        status, task, _ = call(method, changed, body)
    history += [status, task["completed_at"] is None]
    return [*history, *(call(method, path)[0] for method in ("DELETE", "GET", "DELETE"))]


def check_refusals(served: Served) -> None:
    call, stranger = Caller(served, "checked"), Caller(served, "stranger")
    for body in INVALID:
        status, _, _ = call("POST", TASKS, body)
        assert status in {400, 422}, (served.name, body, status)
    _, task, _ = call("POST", TASKS, {"title": "x"})
    assert stranger("GET", f"{TASKS}/{task['id']}")[0] == 404, served.name
    stranger.token += "x"
    assert stranger("GET", TASKS)[0] == 401, served.name
