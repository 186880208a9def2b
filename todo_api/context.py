"""The application and the current request, and what each keeps."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

import flask
from flask import Flask, Request
from flask.ctx import _AppCtxGlobals
from flask.sessions import NullSession, SessionInterface
from werkzeug.datastructures import Headers
from werkzeug.routing import MapAdapter

from todo_api.config import Config

PLAIN = (HTTPStatus.OK, HTTPStatus.CREATED)


class RequestState(_AppCtxGlobals):
    """The values that the parts of the service keep during a request."""

    started: float  # logs.py: the clock when the request came
    request_id: str  # logs.py
    user: str  # auth.py: the subject of the token
    auth_failure: str  # auth.py: why the token was refused, for the log alone
    error_type: str  # errors.py: of the body that was written


def target(proxy: Any) -> Callable[[], Any]:
    """Return a function that returns the target of a proxy of Flask. A read by proxy takes 2 us."""
    return cast("Callable[[], Any]", proxy._get_current_object)


current_request: Callable[[], Request] = target(flask.request)
request_state: Callable[[], RequestState] = target(flask.g)
application: Callable[[], Flask] = target(flask.current_app)


class Response(flask.Response):
    """Flask's, but the headers of a plain response are sent as they are.

    Flask would copy them, and escape a `Location`: that of a 201 must be ASCII.
    """

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:
        plain = self.status_code in PLAIN and "Content-Length" in self.headers
        return self.headers if plain else super().get_wsgi_headers(environ)


class NoSessions(SessionInterface):
    """Gives every request the same empty session: the user is in the token."""

    empty = NullSession()

    def open_session(self, *_: Any) -> NullSession:
        return self.empty


class App(Flask):
    """Flask without async views. Flask checks each function of each request for them."""

    app_ctx_globals_class = RequestState
    session_interface = NoSessions()
    response_class = Response

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Match the path and the method alone: no route depends on the host or the scheme.

        So Flask cannot redirect to a route that ends with a slash. No route does.
        """
        if request is None:
            return super().create_url_adapter(None)
        return self.url_map.bind("", path_info=request.path, default_method=request.method)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


def init_app(app: Flask, config: Config) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False  # an unplanned error is a 500 in tests too
    app.extensions["settings"] = config


def settings() -> Config:
    """Return the settings of the current application."""
    config: Config = application().extensions["settings"]
    return config
