"""Which browsers may call the API, and what they may send and read."""

import logging

from flask import Flask, Response, request
from flask_cors.core import get_cors_options, set_cors_headers

from todo_api.config import Config

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
        # flask-cors's own hook takes as long for a request that no browser sent.
        return set_cors_headers(response, options) if "Origin" in request.headers else response

    app.after_request(warn_of_refused_origin)  # first: it runs after allow_origin
    app.after_request(allow_origin)


def warn_of_refused_origin(response: Response) -> Response:
    """Log an origin that gets no CORS headers: its page only sees "Failed to fetch"."""
    origin = request.environ.get("HTTP_ORIGIN", "")
    refused = origin and "Access-Control-Allow-Origin" not in response.headers
    if refused and origin.partition("://")[2] != request.host:  # a page of this host needs none
        logger.warning(
            "origin refused: if it is yours, add it to FRONTEND_URL",
            extra={"origin": ascii(origin[:MAX_ORIGIN])[1:-1]},
        )
    return response
