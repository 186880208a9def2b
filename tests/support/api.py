"""Requests that tests of several modules send, and the responses that they expect."""

from typing import Any

import sqlalchemy as sa
from flask import Flask

from tests.support.client import Client
from todo_api.models import tasks


def create(client: Client, **task: Any) -> dict[str, Any]:
    answer = client.post("/api/tasks", json={"title": "Buy milk"} | task)
    assert answer.status_code == 201
    created: dict[str, Any] = answer.json
    return created


def refused(name: str, message: str, type_: str = "invalid") -> dict[str, Any]:
    """The whole body of a 400 about one thing in the body."""
    loc = ["body", name] if name else ["body"]
    return {
        "detail": f"{'.'.join(loc)}: {message}",
        "status_code": 400,
        "error_type": "validation_error",
        "errors": [{"loc": loc, "msg": message, "type": type_}],
    }


def bad_parameter(name: str, message: str, *rest: str) -> dict[str, Any]:
    """The whole body of a 400 about one query parameter."""
    error = refused(name, message)
    error["errors"][0]["loc"] = ["query", name, *rest]
    return error | {"detail": f"{'.'.join(['query', name, *rest])}: {message}"}


def add(app: Flask, user: str, count: int, **columns: Any) -> None:
    """Add tasks in one statement, so that all have the same creation time."""
    rows = [{"user_id": user, "title": f"task {number}"} | columns for number in range(count)]
    with app.extensions["engine"].connect() as connection:
        connection.execute(sa.insert(tasks), rows)


def pages(client: Client, path: str) -> list[list[dict[str, Any]]]:
    """Follow `Link` to the end."""
    found = []
    while path:
        answer = client.get(path)
        assert answer.status_code == 200
        found.append(answer.json)
        link = answer.headers.get("Link", "")
        assert link == "" or link.endswith('>; rel="next"')
        path = link.removeprefix("<").removesuffix('>; rel="next"')
    return found
