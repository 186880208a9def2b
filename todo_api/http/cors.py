"""Which browsers may call the API, and what they may send and read."""

import logging
import re

from flask import Flask, Response
from flask_cors import CORS

from todo_api.config import Config
from todo_api.context import current_request

REQUEST_HEADERS = [
    "Authorization",
    "Content-Type",
    "Accept",
    "X-Request-ID",
    "If-Match",
    "If-None-Match",
    "Idempotency-Key",
]
"""The request headers that a page of an allowed origin may send."""
MAX_ORIGIN = 200  # characters of an origin in the log
logger = logging.getLogger(__name__)


def init_app(app: Flask, config: Config) -> None:
    app.after_request(refuse_others)  # it runs after flask-cors
    CORS(
        app,
        # flask-cors takes some strings for patterns, and anchors only their start.
        origins=[re.compile(rf"{re.escape(o)}\Z", re.I) for o in config.frontend_origins],
        supports_credentials=True,
        methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
        allow_headers=REQUEST_HEADERS,
        expose_headers=[
            "Link",
            "Location",
            "ETag",
            "Idempotency-Replayed",
            "Retry-After",
            "X-Request-ID",
        ],
        max_age=600,
        always_send=False,
        intercept_exceptions=False,  # Flask passes the response of every error to it
    )


def refuse_others(response: Response) -> Response:
    """Complete a response that flask-cors left alone: it depends on the origin too."""
    if "Access-Control-Allow-Origin" not in response.headers:
        response.headers.add("Vary", "Origin")
        if origin := current_request().headers.get("Origin"):
            warn_of_refused(origin)
    return response


def warn_of_refused(origin: str) -> None:
    """Log an origin that gets no CORS headers: its page only sees "Failed to fetch"."""
    if origin.partition("://")[2] != current_request().host:  # a page of this host needs none
        logger.warning(
            "origin refused: if it is yours, add it to FRONTEND_URL",
            extra={"origin": ascii(origin[:MAX_ORIGIN])[1:-1]},
        )
