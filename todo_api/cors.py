"""Which browsers may call the API, and what they may send and read."""

from flask import Flask
from flask_cors import CORS

from config import Config


def init_app(app: Flask, config: Config) -> None:
    CORS(
        app,
        origins=list(config.frontend_origins),
        supports_credentials=True,
        methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
        allow_headers=[
            "Authorization",
            "Content-Type",
            "Accept",
            "X-Request-ID",
            "If-Match",
            "If-None-Match",
            "Idempotency-Key",
        ],
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
    )
