"""The types and the body of every error, and the messages that several modules share."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, NamedTuple

from marshmallow import EXCLUDE, Schema, fields
from marshmallow.validate import OneOf
from werkzeug.exceptions import BadRequest, HTTPException, PreconditionFailed
from werkzeug.wrappers import Response

from todo_api.context import application, request_state
from todo_api.failures import with_causes
from todo_api.limits import MAX_BODY_BYTES, MAX_TASKS_PER_USER


class Message(str):
    """What is wrong with a value, for people. For programs its code, and its limit if it has one.

    marshmallow's errors carry nothing but messages.
    """

    code: str
    limit: int | None

    def __new__(cls, text: str, code: str = "", limit: int | None = None) -> "Message":
        message = super().__new__(cls, text)
        message.code, message.limit = code, limit
        return message

    def format(self, *args: Any, **values: Any) -> "Message":
        return Message(super().format(*args, **values), self.code, self.limit)


UNKNOWN_MESSAGE = Message("Unknown field.", "unknown")
UNKNOWN_PARAMETER_MESSAGE = Message("Unknown query parameter. Remove it.", "unknown")
MISSING_MESSAGE = "Missing data for required field."  # marshmallow's
CODES = {MISSING_MESSAGE: "missing", fields.Field.default_error_messages["null"]: "null"}
OTHER_INPUT_ERROR = "invalid"
# All other codes are of the type `invalid`.
TYPE_BY_CODE = {"missing": "missing", "unknown": "unknown", "null": "null", "read_only": "unknown"}
INPUT_ERROR_TYPES = (*dict.fromkeys(TYPE_BY_CODE.values()), OTHER_INPUT_ERROR)
MAX_QUOTED_NAME = 100  # characters of a name that an error quotes; a name may be as long as a body
MAX_INPUT_ERRORS = 20  # reported at once: a body may have 20,000 unknown fields
NO_TASK_MESSAGE = "Task not found"
NO_NEIGHBOUR_MESSAGE = "Must be the id of another of your tasks, outside the trash."
STALE_MESSAGE = "The task has changed. See `current`. Retry with the ETag of this response."
CHANGED_MESSAGE = "This has changed. Get it again, without If-Match."
WEAK_TAG_MESSAGE = (
    "If-Match never matches a weak tag (W/, which some proxies add). Send the version of the task "
    'in quotes, such as "7".'
)
REUSED_KEY_MESSAGE = "This Idempotency-Key was sent with another body. Send a new key."
EXPIRED_TOKEN_MESSAGE = "This sync token has expired. Start again without `since`."  # noqa: S105
NO_BODY_MESSAGE = "This request takes no body. Send none."
NO_LENGTH_MESSAGE = "Send the body with a Content-Length, not a Transfer-Encoding."
TOO_LARGE_MESSAGE = f"The body is too large. Send at most {MAX_BODY_BYTES // 1024} KiB."
NOT_JSON_MESSAGE = "The body must be JSON. Send it with Content-Type: application/json."
INTERNAL_MESSAGE = (
    "Internal error. Quote the X-Request-ID header of this response when you report it."
)
NO_TOKEN_MESSAGE = "A valid bearer token is required"  # noqa: S105 -- a message
UNAVAILABLE_MESSAGE = "The database is unavailable. Try again in a moment."
QUOTA_MESSAGE = "At most {:,} tasks are allowed, with those in the trash. Erase some first."
BUSY_MESSAGE = "You have too many requests at once. Try again in a moment."
SLOW_MESSAGE = "The request takes too long for this account. Ask for less, or try again later."
RETRY_AFTER = 1  # seconds
RETRY_SLOW_AFTER = 30  # seconds; a statement that took 5 s may well do so again


class ErrorType(NamedTuple):
    """The `error_type` of a status code, and the `detail` of its example in the document."""

    name: str
    example: str | None = None


ERRORS = {
    400: ErrorType("validation_error", MISSING_MESSAGE),
    401: ErrorType("authentication_error", NO_TOKEN_MESSAGE),
    403: ErrorType("quota_exceeded_error", QUOTA_MESSAGE.format(MAX_TASKS_PER_USER)),
    404: ErrorType("not_found_error", NO_TASK_MESSAGE),
    405: ErrorType("method_not_allowed_error"),
    410: ErrorType("sync_token_expired_error", EXPIRED_TOKEN_MESSAGE),
    411: ErrorType("length_required_error", NO_LENGTH_MESSAGE),
    412: ErrorType("precondition_failed_error", CHANGED_MESSAGE),
    413: ErrorType("payload_too_large_error", TOO_LARGE_MESSAGE),
    415: ErrorType("unsupported_media_type_error", NOT_JSON_MESSAGE),
    414: ErrorType("uri_too_long_error"),
    416: ErrorType("range_not_satisfiable_error"),
    417: ErrorType("expectation_failed_error"),
    422: ErrorType("unprocessable_error", REUSED_KEY_MESSAGE),
    429: ErrorType("too_many_requests_error", BUSY_MESSAGE),
    431: ErrorType("request_header_fields_too_large_error"),
    500: ErrorType("internal_server_error", INTERNAL_MESSAGE),
    501: ErrorType("not_implemented_error"),
    503: ErrorType("service_unavailable_error", UNAVAILABLE_MESSAGE),
}
STANDARD_MESSAGES = {
    400: "Malformed request. Check `Host` and the other headers.",
    404: "No such path.",
    405: "This path does not support the method. See the Allow header.",
    500: INTERNAL_MESSAGE,
}
ERROR_TYPES = tuple(error.name for error in ERRORS.values())


def about(description: str, example: Any, **schema: Any) -> dict[str, Any]:
    """Return the metadata of a field: what the OpenAPI document says about it."""
    return {"description": description, **schema, "examples": [example]}


class Output(Schema):
    """The base of every response shape. Each field is present, but for those in `optional`.

    A later version may have more fields.
    """

    class Meta:
        unknown = EXCLUDE
        optional: tuple[str, ...] = ()

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        field_obj.required = field_name not in self.Meta.optional


class InputError(Output):
    """One error in a request."""

    class Meta(Output.Meta):
        optional = ("limit",)

    loc = fields.List(
        fields.String(),
        metadata=about(
            "`body`, `query` or `header`, then the field, then the index in a list.",
            ["body", "title"],
        ),
    )
    msg = fields.String(metadata={"examples": ["Missing data for required field."]})
    type = fields.String(
        validate=OneOf(INPUT_ERROR_TYPES),
        metadata=about("For programs. Coarse: `code` is finer.", "missing"),
    )
    code = fields.String(metadata=about("Finer than `type`. More may come.", "missing"))
    limit = fields.Integer(metadata=about("Of a code `too_...`.", 200))


class ApiError(Output):
    """The body of every error response."""

    class Meta(Output.Meta):
        optional = ("errors",)

    detail = fields.String(metadata={"description": "A sentence for people. It may change."})
    status_code = fields.Integer(metadata={"minimum": 400, "maximum": 599})
    error_type = fields.String(
        validate=OneOf(ERROR_TYPES),
        metadata={"description": "For programs. A later version may have more types."},
    )
    errors = fields.List(
        fields.Nested(InputError),
        metadata={"description": "For bad input: the errors in the request, at most 20."},
    )


class InvalidInput(BadRequest):
    """A 400 for a part of the request: `body`, `query` or `header`. It names each error."""

    def __init__(self, part: str, messages: Any) -> None:
        found = sorted(input_errors([part], messages), key=sort_key)
        self.errors = found[:MAX_INPUT_ERRORS]
        super().__init__(self.errors[0]["msg"])


class StaleTask(PreconditionFailed):
    """The 412 of a write. It has the task as it is now."""

    def __init__(self, message: str, current: dict[str, Any]) -> None:
        self.current = current
        super().__init__(message)


def input_errors(loc: list[str], messages: Any) -> Iterator[dict[str, Any]]:
    """Flatten marshmallow's messages. They are nested like the input.

    Messages about a whole object are under `_schema`. So is an unknown field of that name.
    """
    if isinstance(messages, dict):
        for name, inner in messages.items():
            is_unknown = inner in ([UNKNOWN_MESSAGE], [UNKNOWN_PARAMETER_MESSAGE])
            is_field = name != "_schema" or is_unknown
            inner_loc = [*loc, str(name)[:MAX_QUOTED_NAME]] if is_field else loc
            yield from input_errors(inner_loc, inner)
    else:
        for message in messages:
            code = getattr(message, "code", CODES.get(message, OTHER_INPUT_ERROR))
            type_ = TYPE_BY_CODE.get(code, OTHER_INPUT_ERROR)
            limit = getattr(message, "limit", None)
            error = {"loc": loc, "msg": message, "type": type_, "code": code}
            yield error if limit is None else error | {"limit": limit}


def sort_key(error: dict[str, Any]) -> list[str]:
    """Sort errors by `loc`, and index 2 before index 10."""
    return [part.zfill(MAX_QUOTED_NAME) if part.isdecimal() else part for part in error["loc"]]


def write_error(error: HTTPException) -> Response:
    """Write the body of ``error``, keeping the headers that come with it."""
    response = error.get_response()
    status = response.status_code
    body = error_body(status, message(error, status))
    request_state().error_type = body["error_type"]
    if isinstance(error, InvalidInput):
        body["errors"] = error.errors
    if isinstance(error, StaleTask):
        body["current"] = error.current
        response.set_etag(str(error.current["version"]))
    response.set_data(application().json.dumps(body))
    response.content_type = "application/json"
    drop_tracebacks(error)
    return response


def error_body(status: int, detail: str | None) -> dict[str, Any]:
    return {"detail": detail, "status_code": status, "error_type": error_type(status)}


def error_type(status: int) -> str:
    """Return the type of a status code: that of `ERRORS`, or else made of the standard name."""
    return ERRORS[status].name if status in ERRORS else f"{HTTPStatus(status).name.lower()}_error"


def message(error: HTTPException, status: int) -> str | None:
    """Return the text for a client. Werkzeug's default texts address people in a browser."""
    if status == HTTPStatus.INTERNAL_SERVER_ERROR or error.description == type(error).description:
        return STANDARD_MESSAGES.get(status, error.description)
    return error.description


def drop_tracebacks(error: BaseException | None) -> None:
    """Cut the reference cycles of a handled error. They keep its request until collected."""
    for each in with_causes(error, hidden=True):
        each.__traceback__ = None
