"""Common requests to the API, and the error bodies that tests expect."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import Any
from unicodedata import category, combining
from urllib.parse import urljoin

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.test import TestResponse

from tests.support.client import Client
from todo_api.database import engine
from todo_api.database.models import tasks
from todo_api.tasks.fields import BLANK, INVISIBLE


def create(client: Client, **task: Any) -> dict[str, Any]:
    response = client.post("/api/tasks", json={"title": "Buy milk"} | task)
    assert response.status_code == 201, response.json
    created: dict[str, Any] = response.json
    return created


def is_visible(text: str) -> bool:
    """Return whether there is something to see in a title or tag."""
    return any(category(each) not in INVISIBLE and each not in BLANK for each in text)


def has_many_marks(text: str) -> bool:
    """Return whether more than 30 combining marks follow each other."""
    return "1" * 31 in "".join("1" if combining(each) else "0" for each in text)


DATE_MESSAGE = "Must be an existing date in the form YYYY-MM-DD."
PRIORITY_MESSAGE = "Must be one of: low, medium, high."
NOT_STORABLE_MESSAGE = "Must not contain NUL characters or lone surrogates."
ONE_LINE_MESSAGE = "Must be one line without control characters."
READ_ONLY_MESSAGE = "Read-only. Send the request without this field."
CODES = {
    "Missing data for required field.": "missing",
    "Unknown field.": "unknown",
    "Unknown query parameter. Remove it.": "unknown",
    READ_ONLY_MESSAGE: "read_only",
    "Field may not be null.": "null",
    "Must be a JSON string.": "wrong_type",
    "Must be a JSON array.": "wrong_type",
    "Must be a JSON object.": "wrong_type",
    "Must be true or false.": "wrong_type",
    DATE_MESSAGE: "not_a_date",
    PRIORITY_MESSAGE: "not_in_list",
    NOT_STORABLE_MESSAGE: "not_storable",
    ONE_LINE_MESSAGE: "not_one_line",
    "Must have a visible character.": "not_visible",
}
"""The code of each message that always has the same."""
TYPES = {"missing": "missing", "unknown": "unknown", "read_only": "unknown", "null": "null"}


def input_error(
    loc: Sequence[str], message: str, code: str = "", limit: int | None = None
) -> dict[str, Any]:
    """Return the 400 for one error at a place in the request."""
    code = code or CODES.get(message, "invalid")
    error = {"loc": [*loc], "msg": message, "type": TYPES.get(code, "invalid"), "code": code}
    return {
        "detail": message,
        "status_code": 400,
        "error_type": "validation_error",
        "errors": [error if limit is None else error | {"limit": limit}],
    }


def body_error(name: str, message: str) -> dict[str, Any]:
    """Return the 400 for one invalid field of the body."""
    return input_error(["body", name] if name else ["body"], message)


def query_error(
    name: str, message: str, *rest: str, code: str = "", limit: int | None = None
) -> dict[str, Any]:
    """Return the 400 for one invalid query parameter."""
    return input_error(["query", name, *rest], message, code, limit)


def add_tasks(app: Flask, user: str, count: int, **columns: Any) -> None:
    """Insert tasks in one statement, so that all have the same creation time."""
    rows = [{"user_id": user, "title": f"task {number}"} | columns for number in range(count)]
    with app.extensions["engine"].connect() as connection:
        connection.execute(sa.insert(tasks), rows)


def location(response: TestResponse | HTTPResponse) -> str:
    """Return the path of a created task. `Location` is relative to the request."""
    return urljoin("/api/tasks", str(response.headers["Location"]))


def next_link(response: TestResponse | HTTPResponse, url: str = "/api/tasks") -> str:
    """Return the path of the next page (RFC 8288), or an empty string on the last page."""
    link = response.headers.get("Link")
    if link is None:
        return ""
    found = re.fullmatch(r'<([^<>]+)>; rel="next"', link)
    assert found, link
    return urljoin(url, str(found[1]))


def pages(client: Client, path: str) -> list[list[dict[str, Any]]]:
    """Return all pages, following `Link` to the last one."""
    found = []
    while path:
        response = client.get(path)
        assert response.status_code == 200, response.json
        found.append(response.json)
        path = next_link(response, path)
    return found


@contextmanager
def run_before(statement: sa.Executable, *actions: Callable[[], object]) -> Iterator[None]:
    """Run an action just before each of the first executions of this statement by a view."""
    execute, left = engine.execute, list(actions)

    def execute_after(executed: sa.Executable, **values: Any) -> sa.CursorResult[Any]:
        if executed is statement and left:
            left.pop(0)()
        return execute(executed, **values)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(engine, "execute", execute_after)
        yield
    assert not left, "the statement was not executed as often as that"


def titles(client: Client, query: str) -> set[str]:
    response = client.get("/api/tasks", query_string=query)
    assert response.status_code == 200, response.json
    return {task["title"] for task in response.json}


def second_page_of(client: Client, query: str) -> str:
    return next_link(client.get(f"/api/tasks?{query}"))
