"""The log: one JSON object per line, with the outcome of each request.

Of what a client sends it has only the request id, and what cors.py refused.
"""

import hmac
import logging
import re
import sys
import time
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPMethod, HTTPStatus
from ipaddress import ip_address
from random import getrandbits, random
from typing import Any, TextIO

import orjson
from flask import Flask, Request, has_app_context
from sqlalchemy.exc import DBAPIError
from werkzeug.wrappers import Response

from todo_api.config import Config
from todo_api.context import application, current_request, request_state, settings
from todo_api.failures import failure_reason, with_causes

logger = logging.getLogger(__name__)

METHODS = frozenset(HTTPMethod)
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Of a plain record. The factory that is installed may add more: a tracing tool's ids, for example.
STANDARD_FIELDS = {"message", "asctime", *vars(logging.LogRecord("", 0, "", 0, "", (), None))}
PROBES = ("/health", "/ready")
SECONDS_BETWEEN_REPEATS = 60
REFUSALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)


def init_app(app: Flask) -> None:
    app.extensions["due"] = {}
    app.before_request(start_request)
    app.after_request(log_request)


def set_up(level: str, *, debug: bool = False, instance: str | None = None) -> None:
    """Set up the log of the process. Whatever serves calls this, not `create_app`.

    In debug mode a traceback follows its line, as Python prints it. Handlers that a tool has added
    stay, and their records have the request id too. One of `logging.basicConfig`, which a tool may
    call, goes: it would write each line a second time, with the messages of exceptions.
    """
    handler = StderrHandler()
    handler.setFormatter(DebugFormatter(instance) if debug else JsonFormatter(instance))
    root = logging.getLogger()
    root.handlers = [handler, *(each for each in root.handlers if not writes_to_stderr(each))]
    for each in root.handlers:
        each.addFilter(add_request_id)
    root.setLevel(level)
    logging.getLogger("alembic.runtime.plugins").setLevel("WARNING")
    werkzeug = logging.getLogger("werkzeug")
    werkzeug.propagate = False
    werkzeug.addFilter(is_not_access_line)


def start_request() -> None:
    """Start the clock. Accept the client's request id if it is valid, or make one."""
    state = request_state()
    state.started = time.perf_counter()
    given = current_request().headers.get("X-Request-ID", "")
    # An id need not be secret. uuid4() asks the kernel, and loses the interpreter lock for that.
    state.request_id = given if REQUEST_ID.fullmatch(given) else f"{getrandbits(128):032x}"


def log_request(response: Response) -> Response:
    """Log one line for the request, and return its id in `X-Request-ID`."""
    request, kept, config = current_request(), vars(request_state()), settings()
    method, route, status = request.method, route_of(request), response.status_code
    response.headers.add("X-Request-ID", kept["request_id"])
    is_plain = status < HTTPStatus.BAD_REQUEST and "was_slow" not in kept
    if is_plain and is_left_out(route, config):
        return response
    fields = {
        "method": method if method in METHODS else "other",
        "route": route,
        "status": status,
        "duration_ms": round((time.perf_counter() - kept["started"]) * 1000, 1),
        "user": pseudonym(kept["user"], config) if "user" in kept else None,
        "error_type": kept.get("error_type"),
        "auth_failure": kept.get("auth_failure"),
        "client": client_address(request, config) if status in REFUSALS else None,
    }
    known = {name: value for name, value in fields.items() if value is not None}
    logger.info("request", extra=known)
    return response


def route_of(request: Request) -> str | None:
    """Return the path of the request as the application writes it: without values."""
    return request.url_rule.rule if request.url_rule else None


def is_left_out(route: str | None, config: Config) -> bool:
    """Return whether a successful request has no line."""
    return (not config.log_probes and route in PROBES) or random() >= config.log_sample  # noqa: S311


def client_address(request: Request, config: Config) -> str | None:
    """Return the client's address: the one that the first of the trusted proxies saw.

    Each proxy adds to the end of `X-Forwarded-For`. What stands before is the client's own word.
    """
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")
    if 0 < config.trusted_proxies <= len(forwarded):
        address = forwarded[-config.trusted_proxies].strip()
        with suppress(ValueError):
            if "%" not in str(ip_address(address)):  # after it may be any text
                return address
    return request.remote_addr


@lru_cache(maxsize=1024)
def pseudonym(user: str, config: Config) -> str:
    """Return the pseudonym of a user in the log: a keyed hash, always the same for one user."""
    return hmac.digest(config.keys_for("log")[0], user.encode(), "sha256").hex()[:16]


def is_not_access_line(record: logging.LogRecord) -> bool:
    """Return whether a line is not one of the development server's for each request.

    Those contain the query string.
    """
    return " - - [" not in str(record.msg)


def writes_to_stderr(handler: logging.Handler) -> bool:
    return isinstance(handler, StderrHandler) or getattr(handler, "stream", None) is sys.stderr


def is_due(what: str) -> bool:
    """Return whether to log what happens often: the first time, and then once a minute."""
    due: dict[str, float] = application().extensions["due"]
    now = time.monotonic()
    if now < due.get(what, now):
        return False
    due[what] = now + SECONDS_BETWEEN_REPEATS
    return True


def add_request_id(record: logging.LogRecord) -> bool:
    """Give the record the id of its request, so that each handler has it."""
    if has_app_context() and (request_id := request_state().get("request_id")):
        record.request_id = request_id
    return True


class StderrHandler(logging.StreamHandler[TextIO]):
    """Drops a line that cannot be written: nobody reads the log, or its disk is full."""

    def handleError(self, record: logging.LogRecord) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


class JsonFormatter(logging.Formatter):
    """Makes a JSON line of a record and of what others added to it.

    It leaves out the messages of exceptions. They may contain user data: PostgreSQL quotes the row
    that a constraint rejected.
    """

    def __init__(self, instance: str | None = None) -> None:
        super().__init__()
        self.process_fields = {"instance": instance} if instance else {}

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "level": record.levelname,
            "logger": record.name,
            "event": record.getMessage(),
            "time": datetime.fromtimestamp(record.created, UTC),
            "process": record.process,
            **self.process_fields,
        }
        line |= {name: vars(record)[name] for name in vars(record) if name not in STANDARD_FIELDS}
        if record.exc_info:
            line["exc_info"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()

    def formatException(self, ei: Any) -> str:
        """Return the frames of an exception and of its causes."""
        frames: list[str] = []
        for error in with_causes(ei[1], hidden=False):
            frames[:0] = [*traceback.format_tb(error.__traceback__), describe(error)]
        return "".join(frames)


class DebugFormatter(JsonFormatter):
    """Adds the traceback as Python prints it, with the messages of exceptions."""

    def format(self, record: logging.LogRecord) -> str:
        without = logging.makeLogRecord(vars(record) | {"exc_info": None})
        traced = logging.Formatter.formatException(self, record.exc_info) if record.exc_info else ""
        return "\n".join(filter(None, (super().format(without), traced)))


def describe(error: BaseException) -> str:
    """Return the name of an exception, and why the database failed if it did."""
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    return f"{name}: {failure_reason(error)}\n" if isinstance(error, DBAPIError) else f"{name}\n"
