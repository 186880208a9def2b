"""An error leaves no reference cycle behind: it would keep the request until garbage collection."""

import gc
import weakref
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import EnvironBuilder, run_wsgi_app

from tests.support.client import Token
from todo_api import create_app
from todo_api.config import Config

JSON = {"Content-Type": "application/json"}
PREFLIGHT = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "PATCH"}


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/nope", {}, 404),
        ("GET", "/api/tasks/1/", {}, 404),
        ("GET", "/api/tasks/9999999999999999999", {}, 404),
        ("GET", "/api/tasks/1", {}, 404),
        ("DELETE", "/health", {}, 405),
        ("OPTIONS", "/nope", {"headers": PREFLIGHT}, 204),
        ("GET", "/api/tasks?limit=0", {}, 400),
        ("GET", "/api/tasks?unknown=0", {}, 400),
        ("GET", "/api/tasks?cursor=abc", {}, 400),
        ("POST", "/api/tasks", {"data": "{", "headers": JSON}, 400),
        ("POST", "/api/tasks", {"json": {"unknown": 1}}, 400),
        ("PATCH", "/api/tasks", {"json": {"ids": [0], "changes": {}}}, 400),
        ("GET", "/api/tasks", {"headers": {"Authorization": "Bearer x"}}, 401),
        ("POST", "/api/tasks", {"headers": {"Transfer-Encoding": "chunked"}}, 411),
        ("POST", "/health", {"data": "x" * 200_000}, 413),
        ("POST", "/api/tasks", {"data": "{}", "content_type": "text/plain"}, 415),
    ],
)
def test_request_is_freed_at_once(
    app: Flask, token: Token, user: str, method: str, path: str, options: Any, status: int
) -> None:
    headers = {"Authorization": f"Bearer {token(user)}"} | options.get("headers", {})
    given = options | {"method": method, "path": path, "headers": headers}
    assert kept_by(app, given) == (status, None)


def test_request_without_a_database_is_freed_at_once(
    config: Config, token: Token, user: str
) -> None:
    app = create_app(replace(config, database_url="postgresql://u:p@127.0.0.1:1/db"))
    headers = {"Authorization": f"Bearer {token(user)}"}
    assert kept_by(app, {"path": "/api/tasks", "headers": headers}) == (503, None)


class Marker:
    """A part of a request, to see when the request is freed."""


def kept_by(app: Flask, options: dict[str, Any]) -> tuple[int, Marker | None]:
    """Return the status of a request, and what is left of the request after it."""
    environ = EnvironBuilder(**options).get_environ()
    environ["test.marker"] = marker = Marker()
    left = weakref.ref(marker)
    gc.disable()
    try:
        status = run_wsgi_app(app, environ, buffered=True)[1]
        del environ, marker
        return int(status[:3]), left()
    finally:
        gc.enable()
