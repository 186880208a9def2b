"""One user's requests hold a part of a process, and the rest of it serves the others."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Flask

from tests.support.api import create
from tests.support.client import Client, JsonResponse, MakeApp, MakeClient, Token
from tests.support.waiting import wait_until
from todo_api.database.turns import Turns

BUSY = {
    "detail": "You have too many requests at once. Try again in a moment.",
    "status_code": 429,
    "error_type": "too_many_requests_error",
}


def turns_of(app: Flask) -> Turns:
    turns: Turns = app.extensions["turns"]
    return turns


def assert_busy(response: JsonResponse) -> None:
    assert (response.status_code, response.json) == (429, BUSY)
    assert response.headers["Retry-After"] == "1"


def test_request_without_a_turn_is_refused_after_a_moment(make_app: MakeApp, token: Token) -> None:
    app = make_app(user_turns=1, user_timeout=0.01)
    client, other = Client(app, token("ann")), Client(app, token("bob"))
    turns_of(app).begin("ann")
    assert_busy(client.get("/api/tasks"))
    assert_busy(client.post("/api/tasks", json={"title": "x"}))
    assert other.get("/api/tasks").status_code == 200
    turns_of(app).end("ann")
    assert client.get("/api/tasks").status_code == 200


def test_request_beyond_those_that_may_wait_is_refused_at_once(
    make_app: MakeApp, token: Token
) -> None:
    app = make_app(user_turns=1, user_requests=1, user_timeout=3600)
    turns_of(app).begin("ann")
    assert_busy(Client(app, token("ann")).get("/api/tasks"))


def test_waiting_requests_of_all_users_together_are_bounded(
    make_app: MakeApp, token: Token
) -> None:
    app = make_app(user_turns=1, max_waiting=0, user_timeout=3600)
    turns_of(app).begin("ann")
    assert_busy(Client(app, token("ann")).get("/api/tasks"))
    assert Client(app, token("bob")).get("/api/tasks").status_code == 200


def test_request_that_waits_is_served_when_another_ends(make_app: MakeApp, token: Token) -> None:
    app = make_app(user_turns=1, user_timeout=60)
    turns_of(app).begin("ann")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(Client(app, token("ann")).get, "/api/tasks")
        wait_until(lambda: turns_of(app).queues["ann"].requests == 2, "the request does not wait")
        assert not waiting.done()
        turns_of(app).end("ann")
        assert waiting.result(60).status_code == 200


def test_every_request_gives_its_turn_back(make_app: MakeApp, token: Token) -> None:
    app = make_app(user_turns=1, user_requests=1)
    client = Client(app, token(f"user-{uuid.uuid4().hex}"))
    task = create(client)
    answers = [
        client.get("/api/tasks?q=x"),
        client.get("/api/tasks", headers={"If-None-Match": "*"}),
        client.patch(f"/api/tasks/{2**53 - 1}", json={"title": "y"}, headers={"If-Match": '"1"'}),
        client.get("/api/tasks/changes"),
        client.post("/api/tasks", json={}),
        client.delete(f"/api/tasks/{task['id']}"),
        client.delete("/api/account"),
    ]
    assert [each.status_code for each in answers] == [200, 304, 404, 200, 400, 204, 204]
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.view_functions["Tasks.list_tasks"] = failing(app.view_functions["Tasks.get_task_stats"])
    assert client.get("/api/tasks").status_code == 500
    assert turns_of(app).queues == {}


def failing(view: Any) -> Any:
    def fail(*args: Any, **kwargs: Any) -> Any:
        view(*args, **kwargs)
        raise ArithmeticError

    return fail


def test_twelve_requests_of_one_user_at_once_are_served(client_of: MakeClient, user: str) -> None:
    clients = [client_of(user) for _ in range(12)]

    def retry(client: Client) -> int:
        headers = {"Idempotency-Key": "once"}
        return client.post("/api/tasks", json={"title": "x"}, headers=headers).status_code

    with ThreadPoolExecutor(12) as pool:
        assert sorted(pool.map(retry, clients)) == [200] * 11 + [201]
        reads = pool.map(lambda client: client.get("/api/tasks?q=x").status_code, clients)
        assert set(reads) == {200}
