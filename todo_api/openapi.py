"""The OpenAPI document and the docs page: everything that holds for all operations."""

import re
from base64 import b64encode
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any

import flask_swagger_ui
from apispec import APISpec, BasePlugin
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Blueprint, Flask, redirect
from werkzeug.exceptions import PreconditionFailed
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.routing import Rule
from werkzeug.wrappers import Response

from todo_api.api import Api, TaskIdConverter
from todo_api.context import current_request
from todo_api.errors import (
    ERROR_TYPES,
    EXPIRED_TOKEN_MESSAGE,
    INPUT_ERROR_TYPE_NAMES,
    INTERNAL_MESSAGE,
    NO_LENGTH_MESSAGE,
    NO_TASK_MESSAGE,
    NO_TOKEN_MESSAGE,
    NOT_JSON_MESSAGE,
    RETRY_AFTER,
    REUSED_KEY_MESSAGE,
    STALE_MESSAGE,
    TOO_LARGE_MESSAGE,
    UNAVAILABLE_MESSAGE,
    Error,
    write_error,
)
from todo_api.examples import EXAMPLES, named
from todo_api.limits import MAX_ID, PRIORITIES, STATUSES
from todo_api.openapi_headers import HEADER_ERRORS, add_headers, camel_case
from todo_api.paging import SORTS
from todo_api.version import __version__

DOCUMENT = {
    "API_TITLE": "Todo API",
    "API_VERSION": __version__,
    "OPENAPI_VERSION": "3.1.0",
    "OPENAPI_URL_PREFIX": "/",
    "OPENAPI_SWAGGER_UI_PATH": "/docs",
    # Relative, as each URL here, so that the service may be mounted below a prefix.
    "OPENAPI_SWAGGER_UI_URL": "docs/assets/",
    "OPENAPI_SWAGGER_UI_CONFIG": {"url": "openapi.json", "displayRequestDuration": True},
    "API_SPEC_OPTIONS": {
        "info": {
            "description": "Tasks over REST. Each user sees only their own tasks. Every response "
            "has an `X-Request-ID` header: yours, if you send one of `[A-Za-z0-9._-]{1,64}`.",
            "license": {"name": "MIT", "identifier": "MIT"},
            "contact": {"name": "The maintainers of todo_api"},
        },
        "servers": [{"url": ".", "description": "The server that sent this document."}],
    },
}

# The errors that an operation can return, with an example of each message.
ERRORS = {
    400: "body.title: Missing data for required field.",
    401: NO_TOKEN_MESSAGE,
    404: NO_TASK_MESSAGE,
    410: EXPIRED_TOKEN_MESSAGE,
    411: NO_LENGTH_MESSAGE,
    412: STALE_MESSAGE,
    413: TOO_LARGE_MESSAGE,
    415: NOT_JSON_MESSAGE,
    422: REUSED_KEY_MESSAGE,
    500: INTERNAL_MESSAGE,
    503: UNAVAILABLE_MESSAGE,
}
ERROR_HEADERS = {
    401: ("WWW-Authenticate", "string", 'Bearer error="invalid_token"'),
    503: ("Retry-After", "integer", RETRY_AFTER),
}

INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
PAGE_POLICY = (
    "default-src 'none'; script-src 'self' {hashes}; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "An HS256 token signed with the secret of Better Auth. `sub` is the user. "
    "To try the API, make one with `.venv/bin/flask token demo`.",
}
# The choices that have a schema of their own: then a misspelt one does not compile in a client.
CHOICES = {
    "Status": tuple(STATUSES),
    "Priority": PRIORITIES,
    "Sort": SORTS,
    "ErrorType": tuple(ERROR_TYPES.values()),
    "InputErrorType": INPUT_ERROR_TYPE_NAMES,
}
TASK_ID = {"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_ID}


def init_app(app: Flask) -> Api:
    app.config.update(DOCUMENT)
    marshmallow = MarshmallowPlugin()
    plugins = {"marshmallow_plugin": marshmallow, "extra_plugins": [Conventions(marshmallow)]}
    api = Api(app, spec_kwargs=plugins)
    api.register_converter(TaskIdConverter, lambda _: TASK_ID)
    assets = Path(flask_swagger_ui.__file__).parent / "dist"
    docs = Blueprint("docs", __name__, static_folder=assets, static_url_path="/docs/assets")
    docs.after_request(refuse_condition)
    docs.add_url_rule("/", "root", lambda: redirect("docs"))
    app.register_blueprint(docs)
    app.after_request(restrict_page)
    return api


def refer_to_choices(_converter: Any, _field: Any, ret: dict[str, Any]) -> dict[str, Any]:
    """Replace the values of named choices by a reference to their schema."""
    for name, choices in CHOICES.items():
        if ret.get("enum") == list(choices):
            del ret["type"], ret["enum"]
            return {"$ref": f"#/components/schemas/{name}"}
    return {}


def refuse_condition(response: Response) -> Response:
    """Give a failed `If-Match` the body of every error. Flask would send the file."""
    if response.status_code != HTTPStatus.PRECONDITION_FAILED:
        return response
    response.close()
    return write_error(PreconditionFailed("The file has changed. Get it again."))


def restrict_page(response: Response) -> Response:
    """Let the docs page load only its assets and its own inline script."""
    if current_request().path == "/docs" and response.status_code == HTTPStatus.OK:
        scripts = INLINE_SCRIPT.findall(response.get_data())
        hashes = " ".join(f"'sha256-{b64encode(sha256(s).digest()).decode()}'" for s in scripts)
        response.headers["Content-Security-Policy"] = PAGE_POLICY.format(hashes=hashes)
    return response


class Conventions(BasePlugin):
    """Adds to each operation its id, security, examples and possible errors."""

    def __init__(self, marshmallow: MarshmallowPlugin) -> None:
        self.marshmallow = marshmallow

    def init_spec(self, spec: APISpec) -> None:
        super().init_spec(spec)
        self.marshmallow.converter.add_attribute_function(refer_to_choices)  # type: ignore[union-attr]
        for name, choices in CHOICES.items():
            spec.components.schema(name, {"type": "string", "enum": list(choices)})
        spec.components.security_scheme("bearer", BEARER)
        for status, detail in ERRORS.items():
            spec.components.response(error_name(status), describe_error(status, detail))

    def operation_helper(
        self, path: str | None = None, operations: dict[Any, Any] | None = None, **known: Any
    ) -> None:
        rule: Rule = known["rule"]
        for operation in (operations or {}).values():
            operation["operationId"] = camel_case(rule.endpoint.rpartition(".")[2])
            operation["security"] = [{"bearer": []}] if rule.rule.startswith("/api/") else []
            add_headers(operation)
            add_examples(operation)
            errors = {status: error_name(status) for status in possible_errors(rule, operation)}
            operation["responses"] = dict(sorted((operation["responses"] | errors).items()))


def add_examples(operation: dict[str, Any]) -> None:
    """Add the named examples of the request body and of the success response."""
    request_body, response = EXAMPLES.get(operation["operationId"], (None, None))
    if request_body is not None:
        operation["requestBody"]["content"]["application/json"]["examples"] = request_body
    for described in operation["responses"].values():
        if response is not None and "content" in described:
            described["content"]["application/json"]["examples"] = response


def possible_errors(rule: Rule, operation: dict[str, Any]) -> set[int]:
    """Return the status codes of the errors that an operation can return."""
    errors = {411, 413, 500}
    if rule.rule.startswith("/api/"):
        errors |= {400, 401, 503}
    if rule.arguments:
        errors |= {404}
    if "requestBody" in operation:
        errors |= {415}
    if operation["operationId"] in HEADER_ERRORS:
        errors |= {HEADER_ERRORS[operation["operationId"]]}
    if rule.rule == "/ready":
        errors |= {503}
    return errors


def describe_error(status: int, detail: str) -> dict[str, Any]:
    example: dict[str, Any] = {
        "detail": detail,
        "status_code": status,
        "error_type": ERROR_TYPES[status],
    }
    if status == 400:
        example["errors"] = [
            {"loc": ["body", "title"], "msg": detail.partition(": ")[2], "type": "missing"}
        ]
    response: dict[str, Any] = {
        "description": HTTP_STATUS_CODES[status],
        "content": {"application/json": {"schema": Error, "examples": named(example)}},
    }
    if status in ERROR_HEADERS:
        name, type_, example_ = ERROR_HEADERS[status]
        response["headers"] = {name: {"schema": {"type": type_}, "example": example_}}
    return response


def error_name(status: int) -> str:
    return camel_case(f"_{ERROR_TYPES[status]}")
