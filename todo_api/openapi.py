"""The OpenAPI document and the docs page: what all operations have in common."""

import re
from base64 import b64encode
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any

import flask_swagger_ui
from apispec import APISpec
from apispec.core import Components
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Blueprint, Flask, redirect
from flask_smorest.spec.plugins import FlaskPlugin
from werkzeug.exceptions import PreconditionFailed
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.routing import Rule
from werkzeug.wrappers import Response

from todo_api import errors
from todo_api.context import current_request
from todo_api.http.facts import camel_case, error_name, named
from todo_api.http.preconditions import ETAG, STALE_TASK_ERROR
from todo_api.http.smorest import Api, TaskIdConverter
from todo_api.limits import MAX_ID, MAX_TAG_LENGTH, PRIORITIES, STATUSES
from todo_api.tasks.examples import TASK
from todo_api.tasks.paging import SORTS
from todo_api.tasks.schemas import Placement, StaleTaskError
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

ERROR_HEADERS = {
    401: ("WWW-Authenticate", "string", 'Bearer error="invalid_token"'),
    415: ("Accept-Encoding", "string", "identity"),
    429: ("Retry-After", "integer", errors.RETRY_AFTER),
    503: ("Retry-After", "integer", errors.RETRY_AFTER),
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
    "ErrorType": errors.ERROR_TYPES,
    "InputErrorType": errors.INPUT_ERROR_TYPES,
}
NAMED_SCHEMAS: dict[str, dict[str, Any]] = {
    **{name: {"type": "string", "enum": list(choices)} for name, choices in CHOICES.items()},
    "TaskId": {"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_ID},
    "Tag": {"type": "string", "minLength": 1, "maxLength": MAX_TAG_LENGTH},
}
"""What fields do not say themselves, but refer to by name."""
SORT_NAMES = [sort.removeprefix("-").upper() + "_DESC" * sort.startswith("-") for sort in SORTS]


def init_app(app: Flask) -> Api:
    app.config.update(DOCUMENT)
    api = Api(app, spec_kwargs={"marshmallow_plugin": Schemas(), "flask_plugin": Routes()})
    api.register_converter(TaskIdConverter, lambda _: {"$ref": reference("TaskId")})
    add_components(api.spec.components)
    assets = Path(flask_swagger_ui.__file__).parent / "dist"
    docs = Blueprint("docs", __name__, static_folder=assets, static_url_path="/docs/assets")
    docs.before_request(ignore_other_ranges)
    docs.after_request(refuse_failed_condition)
    docs.add_url_rule("/", "root", lambda: redirect("docs"))
    app.register_blueprint(docs)
    app.after_request(set_document_headers)
    return api


def add_components(components: Components) -> None:
    """Add the parts that operations refer to by name: schemas, the token and errors."""
    del components.schemas["PaginationMetadata"]  # flask-smorest's, which no operation uses
    for name, schema in NAMED_SCHEMAS.items():
        components.schema(name, schema)
    components.schemas["Sort"]["x-enum-varnames"] = SORT_NAMES
    one_place = {"minProperties": 1, "maxProperties": 1}
    components.schema("Placement", one_place, schema=Placement, lazy=True)
    components.security_scheme("bearer", BEARER)
    for status, error in errors.ERRORS.items():
        if error.example:
            components.response(error_name(status), describe_error(status, error.example))
    components.response(STALE_TASK_ERROR, describe_stale_task())


def ignore_other_ranges() -> None:
    """Ignore a `Range` of an unknown unit or with HEAD (RFC 9110, section 14.2)."""
    request = current_request()
    unit = request.headers.get("Range", "").partition("=")[0]
    if request.method == "HEAD" or unit.lower() != "bytes":
        request.environ.pop("HTTP_RANGE", None)


def set_document_headers(response: Response) -> Response:
    """Let browsers keep the document. Let the docs page load only its assets and its own script."""
    request = current_request()
    if response.status_code != HTTPStatus.OK or request.path not in ("/docs", "/openapi.json"):
        return response
    response.headers["Cache-Control"] = "no-cache"
    if request.path == "/docs":
        scripts = INLINE_SCRIPT.findall(response.get_data())
        hashes = " ".join(f"'sha256-{b64encode(sha256(s).digest()).decode()}'" for s in scripts)
        response.headers["Content-Security-Policy"] = PAGE_POLICY.format(hashes=hashes)
    response.add_etag()
    return refuse_failed_condition(response.make_conditional(request.environ))


def refuse_failed_condition(response: Response) -> Response:
    """Give a failed `If-Match` the body of every error. Flask would send the file."""
    if response.status_code != HTTPStatus.PRECONDITION_FAILED:
        return response
    response.close()
    return errors.write_error(PreconditionFailed(errors.CHANGED_MESSAGE))


class Schemas(MarshmallowPlugin):
    """apispec's, but choices, ids and tags are schemas of their own."""

    def init_spec(self, spec: APISpec) -> None:
        super().init_spec(spec)
        self.converter.add_attribute_function(refer_to_named)  # type: ignore[union-attr]


def refer_to_named(_converter: Any, _field: Any, ret: dict[str, Any]) -> dict[str, Any]:
    """Replace what a named schema says by a reference to it."""
    for name, schema in NAMED_SCHEMAS.items():
        if schema.items() <= ret.items():
            for key in schema:
                del ret[key]
            return {"$ref": reference(name)}
    return {}


def reference(name: str) -> str:
    return f"#/components/schemas/{name}"


class Routes(FlaskPlugin):
    """Adds to each operation its id, and a 404 if its path has a parameter. Ids have an example."""

    def rule_to_params(self, rule: Rule) -> list[dict[str, Any]]:
        return [each | {"example": 1} for each in super().rule_to_params(rule)]

    def operation_helper(self, *, operations: dict[str, Any], rule: Rule, **_: Any) -> None:
        absent = {404: error_name(404)} if rule.arguments else {}
        for operation in operations.values():
            operation["operationId"] = camel_case(rule.endpoint.rpartition(".")[2])
            responses = operation["responses"] | absent
            operation["responses"] = {code: responses[code] for code in sorted(responses, key=str)}


def describe_stale_task() -> dict[str, Any]:
    """Return the 412 of a write: the error, and the task as it is now."""
    error = describe_error(412, errors.STALE_MESSAGE)
    content = error["content"]["application/json"]
    content["schema"] = StaleTaskError
    content["examples"]["example"]["value"]["current"] = TASK
    return error | {"headers": ETAG}


def describe_error(status: int, detail: str) -> dict[str, Any]:
    example = errors.error_body(status, detail)
    if status == 400:
        place = {"loc": ["body", "title"], "msg": detail}
        example["errors"] = [place | {"type": "missing", "code": "missing"}]
    content = {"schema": errors.ApiError, "examples": named(example=example)}
    response: dict[str, Any] = {
        "description": HTTP_STATUS_CODES[status],
        "content": {"application/json": content},
    }
    if status in ERROR_HEADERS:
        name, type_, example_ = ERROR_HEADERS[status]
        response["headers"] = {name: {"schema": {"type": type_}, "example": example_}}
    return response
