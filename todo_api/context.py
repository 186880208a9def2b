"""The typed state of a request (`g`) and of the application."""

from collections.abc import Callable
from typing import Any, cast

import flask
from flask import Flask, current_app
from flask.ctx import _AppCtxGlobals
from flask.sessions import NullSession, SessionInterface

from todo_api.config import Config


class RequestState(_AppCtxGlobals):
    """The values that the parts of the service keep during a request."""

    started: float  # logs.py: the clock when the request came
    request_id: str  # logs.py
    user: str  # auth.py: the subject of the token
    auth_failure: str  # auth.py: why the token was refused, for the log alone
    error_type: str  # errors.py: of the body that was written


g = cast(RequestState, flask.g)


class NoSessions(SessionInterface):
    """Gives every request the same empty session: the user is in the token."""

    empty = NullSession()

    def open_session(self, *_: Any) -> NullSession:
        return self.empty


class App(Flask):
    """Flask without async views. It asks of each function of each request whether it is one."""

    app_ctx_globals_class = RequestState
    session_interface = NoSessions()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


def init_app(app: Flask, config: Config) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False  # an unplanned error is a 500 in tests too
    app.extensions["settings"] = config


def settings() -> Config:
    """Return the settings of the current application."""
    config: Config = current_app.extensions["settings"]
    return config
