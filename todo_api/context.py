"""The application and the current request, and the values that each keeps."""

from collections.abc import Callable
from functools import lru_cache
from inspect import iscoroutinefunction
from typing import Any, cast

import flask
from flask import Flask, Request
from flask.ctx import _AppCtxGlobals

from todo_api.config import Config


class RequestState(_AppCtxGlobals):
    """The values that the parts of the service keep during a request."""

    started: float  # logs.py: the clock when the request came
    request_id: str  # logs.py
    user: str  # auth.py: the subject of the token
    auth_failure: str  # auth.py: why the token was refused, for the log alone
    error_type: str  # errors.py: of the body that was written
    was_slow: bool  # engine.py: a statement has a line, so the request has one too
    has_turn: bool  # engine.py: it counts as one of the user's that use the database


def reader_of(proxy: Any) -> Any:
    """Return a function that returns the object behind a proxy of Flask.

    Each attribute read through a proxy takes 2 us, together a sixth of a request. So this package
    takes the object itself. `flask.request`, `flask.g` and `flask.current_app` work as always.
    """
    return proxy._get_current_object


current_request = cast("Callable[[], Request]", reader_of(flask.request))
"""Return the request that `flask.request` stands for."""
request_state = cast("Callable[[], RequestState]", reader_of(flask.g))
"""Return the values that `flask.g` stands for."""
application = cast("Callable[[], Flask]", reader_of(flask.current_app))
"""Return the application that `flask.current_app` stands for."""

is_async = lru_cache(maxsize=1024)(iscoroutinefunction)


class App(Flask):
    """Flask, but what it keeps for a request has types."""

    app_ctx_globals_class = RequestState

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Flask's, but each function is examined once, and not for each request."""
        return self.async_to_sync(func) if is_async(func) else func


def init_app(app: Flask, config: Config) -> None:
    app.extensions["settings"] = config


def settings() -> Config:
    """Return the settings of the current application."""
    config: Config = application().extensions["settings"]
    return config
