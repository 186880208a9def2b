"""Which browsers may call the API, and what they may send and read."""

import logging

from flask import Flask, Response
from flask_cors.core import get_cors_options, set_cors_headers

from todo_api.config import Config
from todo_api.context import current_request

MAX_ORIGIN = 200  # characters of an origin in the log
logger = logging.getLogger(__name__)

OPTIONS = {
    "supports_credentials": True,
    "methods": ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    "allow_headers": [
        "Authorization",
        "Content-Type",
        "Accept",
        "X-Request-ID",
        "If-Match",
        "If-None-Match",
        "Idempotency-Key",
    ],
    "expose_headers": [
        "Link",
        "Location",
        "ETag",
        "Idempotency-Replayed",
        "Retry-After",
        "X-Request-ID",
    ],
    "max_age": 600,
    "always_send": False,
}


def init_app(app: Flask, config: Config) -> None:
    options = get_cors_options(app, OPTIONS | {"origins": config.frontend_origins})

    def allow_origin(response: Response) -> Response:
        origin = current_request().environ.get("HTTP_ORIGIN")
        if not origin:  # flask-cors would take 23 us to find that it has nothing to do
            response.headers.add("Vary", "Origin")
            return response
        response = set_cors_headers(response, options)
        response.vary.add("Origin")
        if "Access-Control-Allow-Origin" not in response.headers:
            warn_of_refused(origin)
        return response

    app.after_request(allow_origin)


def warn_of_refused(origin: str) -> None:
    """Log an origin that gets no CORS headers: its page only sees "Failed to fetch"."""
    if origin.partition("://")[2] != current_request().host:  # a page of this host needs none
        logger.warning(
            "origin refused: if it is yours, add it to FRONTEND_URL",
            extra={"origin": ascii(origin[:MAX_ORIGIN])[1:-1]},
        )
