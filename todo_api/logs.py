"""The log: one JSON object per line, with the outcome of each request and never its content."""

import hmac
import logging
import re
import time
import traceback
from http import HTTPMethod
from logging.config import dictConfig
from typing import Any
from uuid import uuid4

from flask import Flask, has_request_context, request
from pythonjsonlogger.orjson import OrjsonFormatter
from sqlalchemy.exc import DBAPIError
from werkzeug.wrappers import Response

from config import Config
from todo_api.context import g, settings

logger = logging.getLogger(__name__)

METHODS = frozenset(HTTPMethod)
# Classes of SQLSTATE: connections, transactions, authorization, resources, operators, the system.
SERVER_CONDITIONS = frozenset({"08", "25", "28", "3D", "40", "53", "55", "57", "58"})
MAX_REASON = 300  # characters
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def init_app(app: Flask, config: Config) -> None:
    dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": {"()": JsonFormatter}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
            "root": {"level": config.log_level, "handlers": ["stderr"]},
            "loggers": {
                "werkzeug": {"propagate": False},
                "alembic.runtime.plugins": {"level": "WARNING"},
            },
        }
    )
    logging.getLogger("werkzeug").addFilter(is_no_access_line)
    app.before_request(start_request)
    app.after_request(log_request)


def start_request() -> None:
    """Start the clock. Accept the client's request id if it is valid, or make one."""
    g.started = time.perf_counter()
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else uuid4().hex


def log_request(response: Response) -> Response:
    """Log one line for the request, and return its id in `X-Request-ID`."""
    response.headers["X-Request-ID"] = g.request_id
    fields = {
        "method": request.method if request.method in METHODS else "other",
        "route": request.url_rule.rule if request.url_rule else None,
        "status": response.status_code,
        "duration_ms": round((time.perf_counter() - g.started) * 1000, 1),
        "user": user_hash(g.user) if "user" in g else None,
        "error_type": g.get("error_type"),
        "auth_failure": g.get("auth_failure"),
    }
    logger.info(
        "request", extra={name: value for name, value in fields.items() if value is not None}
    )
    return response


def user_hash(user: str) -> str:
    """Return the pseudonym of a user in the log: a keyed hash, always the same for one user."""
    key = settings().keys_for("log")[0]
    return hmac.digest(key, user.encode(), "sha256").hex()[:16]


def is_no_access_line(record: logging.LogRecord) -> bool:
    """Drop the development server's line for each request: it contains the query string."""
    return " - - [" not in str(record.msg)


class JsonFormatter(OrjsonFormatter):
    """Adds the request id, and leaves out the messages of exceptions.

    They may contain user data: PostgreSQL quotes the row that a constraint rejected.
    """

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger", "message": "event"},
            timestamp="time",
        )

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        super().add_fields(log_data, record, message_dict)
        if has_request_context() and "request_id" in g:
            log_data["request_id"] = g.request_id

    def formatException(self, ei: Any) -> str:
        """Return the frames of an exception and of its causes."""
        frames: list[str] = []
        error = ei[1]
        while error is not None:
            frames[:0] = [*traceback.format_tb(error.__traceback__), describe(error)]
            error = error.__cause__ or error.__context__
        return "".join(frames)


def describe(error: BaseException) -> str:
    """Name an exception, and for the database's say why it happened."""
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    return f"{name}: {failure_reason(error)}\n" if isinstance(error, DBAPIError) else f"{name}\n"


def failure_reason(error: DBAPIError) -> str:
    """Return why the database failed, in one line that quotes no row.

    That is the SQLSTATE, with the server's words where they are about the server. Without a
    SQLSTATE the words are libpq's, about the connection.
    """
    code = getattr(error.orig, "pgcode", None)
    if code and code[:2] not in SERVER_CONDITIONS:
        return str(code)
    words = error.orig.diag.message_primary if code else error.orig  # type: ignore[union-attr]
    return " ".join(f"{code or ''} {words}".split())[:MAX_REASON]
