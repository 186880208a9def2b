"""Which browsers may call the API, and what they may send and read."""

import logging
import re
from http import HTTPStatus

from flask import Flask, Response
from flask_cors import CORS

from todo_api.config import Config
from todo_api.context import application, current_request, settings

REQUEST_HEADERS = [
    "Authorization",
    "Content-Type",
    "Accept",
    "X-Request-ID",
    "If-Match",
    "If-None-Match",
    "Idempotency-Key",
    # What tracing in browsers adds by itself.
    "traceparent",
    "tracestate",
    "baggage",
    "sentry-trace",
]
"""The request headers that a page of an allowed origin may send, with `CORS_ALLOW_HEADERS`."""
MAX_LOGGED = 200  # characters of an origin, or of names of headers, in the log
logger = logging.getLogger(__name__)


def init_app(app: Flask, config: Config) -> None:
    app.before_request(answer_preflight)
    app.after_request(refuse_others)  # it runs after flask-cors
    CORS(
        app,
        # flask-cors takes some strings for patterns, and anchors only their start.
        origins=[re.compile(rf"{re.escape(o)}\Z", re.I) for o in config.frontend_origins],
        supports_credentials=True,
        allow_headers=[*REQUEST_HEADERS, *config.cors_allow_headers],
        expose_headers=[
            "Link",
            "Location",
            "ETag",
            "Idempotency-Replayed",
            "Retry-After",
            "Sync-Token",
            "X-Request-ID",
        ],
        max_age=600,
        always_send=False,
        intercept_exceptions=False,  # Flask passes the response of every error to it
    )


def answer_preflight() -> Response | None:
    """Answer a preflight on every path. If it were a 404, a page could not read the error body.

    The answer is the same whatever headers it asks for. flask-cors would return those that match,
    however often they are repeated, and a proxy takes no response with a large head.
    """
    request = current_request()
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        allowed = [*REQUEST_HEADERS, *settings().cors_allow_headers]
        warn_of_refused_headers(request.headers.get("Access-Control-Request-Headers", ""), allowed)
        request.environ["HTTP_ACCESS_CONTROL_REQUEST_HEADERS"] = ",".join(allowed)
        return application().response_class(status=HTTPStatus.NO_CONTENT)
    return None


def warn_of_refused_headers(requested: str, allowed: list[str]) -> None:
    """Log headers that a page of ours may not send: it only sees "Failed to fetch"."""
    known = {name.lower() for name in ("", *allowed)}
    names = dict.fromkeys(name.strip().lower() for name in requested.split(","))
    refused = [name for name in names if name not in known]
    ours = {origin.lower() for origin in settings().frontend_origins}
    if refused and current_request().headers.get("Origin", "").lower() in ours:
        logger.warning(
            "header refused: if your page sends it, add it to CORS_ALLOW_HEADERS",
            extra={"headers": printable(", ".join(refused))},
        )


def refuse_others(response: Response) -> Response:
    """Complete a response that flask-cors left alone: it depends on the origin too.

    Log the origin that is refused: its page only sees "Failed to fetch".
    """
    if "Access-Control-Allow-Origin" not in response.headers:
        response.headers.add("Vary", "Origin")
        sent = current_request().headers
        origin = sent.get("Origin")
        # A page of this host needs no header.
        if origin and origin.partition("://")[2] != sent.get("Host"):
            shown = {"origin": printable(origin)}
            logger.warning("origin refused: if it is yours, add it to FRONTEND_URL", extra=shown)
    return response


def printable(text: str) -> str:
    return ascii(text[:MAX_LOGGED])[1:-1]
