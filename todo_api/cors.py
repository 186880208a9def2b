"""Which browsers may call the API, and what they may send and read."""

from flask import Flask, Response, request
from flask_cors.core import get_cors_options, set_cors_headers

from config import Config

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

    app.after_request(allow_origin)
