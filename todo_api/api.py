"""flask-smorest bent to this API: how a request is read, and the one place that writes errors."""

import json
from collections.abc import Callable, Iterator
from functools import wraps
from http import HTTPStatus
from json import JSONDecodeError
from operator import itemgetter
from typing import Any, NoReturn

import flask_smorest
import orjson
from flask import Flask, Request, after_this_request, current_app, g, request
from flask.json.provider import JSONProvider
from marshmallow import RAISE, Schema, ValidationError, fields
from webargs.flaskparser import FlaskParser, is_json_request
from werkzeug.exceptions import (
    BadRequest,
    ClientDisconnected,
    HTTPException,
    LengthRequired,
    NotFound,
    RequestEntityTooLarge,
    UnsupportedMediaType,
)
from werkzeug.routing import BaseConverter
from werkzeug.wrappers import Response

from config import MAX_BODY_BYTES
from todo_api.models import MAX_ID
from todo_api.schemas import UNKNOWN, Error

ERROR_TYPES = {
    400: "validation_error",
    401: "authentication_error",
    404: "not_found_error",
    405: "method_not_allowed_error",
    409: "conflict_error",
    411: "length_required_error",
    412: "precondition_failed_error",
    413: "payload_too_large_error",
    415: "unsupported_media_type_error",
    416: "range_not_satisfiable_error",
    422: "unprocessable_error",
    500: "internal_server_error",
    503: "service_unavailable_error",
}

# marshmallow tells what kind of error it found by the message alone.
INPUT_ERROR_TYPES = {
    fields.Field.default_error_messages["required"]: "missing",
    fields.Field.default_error_messages["null"]: "null",
    UNKNOWN: "unknown",
}
MAX_DISCARDED_BYTES = 1024 * 1024
MAX_QUERY_BYTES = 6_500  # and a cursor of at most 1,200, on a line that gunicorn.conf.py limits
MAX_NAME = 100  # characters of a name that an error quotes: it may be as long as a body
MAX_INPUT_ERRORS = 20  # a body of 20,000 unknown fields is not worth an answer ten times its size

NO_SUCH_TASK = "Task not found"
NO_LENGTH = "Send the body with a Content-Length, not a Transfer-Encoding."
TOO_LARGE = f"What was sent is larger than {MAX_BODY_BYTES // 1024} KiB."
NO_JSON = "The body must be JSON, with Content-Type: application/json"
INTERNAL = "An internal error; the log has it under the X-Request-ID of this answer."

View = Callable[..., Any]


class Api(flask_smorest.Api):
    """Registers what holds for every route: JSON, preflights, bodies and errors."""

    ERROR_SCHEMA = Error
    DEFAULT_ERROR_RESPONSE_NAME = None

    def init_app(self, app: Flask, **options: Any) -> None:
        app.json = Json(app)
        app.url_map.converters["task_id"] = TaskId
        app.before_request(answer_preflight)
        app.before_request(refuse_unsound_body)
        app.after_request(add_standing_headers)
        app.teardown_request(drop_routing_error)
        super().init_app(app, **options)
        del self.spec.components.schemas["PaginationMetadata"]  # flask-smorest's; used by nothing

    def handle_http_exception(self, error: HTTPException) -> Response:
        """Write the body of ``error``, keeping the headers that come with it."""
        response = error.get_response()
        status = response.status_code
        g.error_type = ERROR_TYPES.get(status) or f"{HTTPStatus(status).name.lower()}_error"
        body = {
            "detail": INTERNAL if status == 500 else error.description,
            "status_code": status,
            "error_type": g.error_type,
        }
        if isinstance(error, InvalidInput):
            body["errors"] = error.errors
        response.set_data(current_app.json.dumps(body))
        response.content_type = "application/json"
        drop_tracebacks(error)
        return response


class Json(JSONProvider):
    """Writes UTC timestamps as they are, ending in Z."""

    def dumps(self, obj: Any, **options: Any) -> str:
        indent = orjson.OPT_INDENT_2 if options.get("indent") else 0
        return orjson.dumps(obj, option=orjson.OPT_UTC_Z | indent).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        return orjson.loads(s)


class InvalidInput(BadRequest):
    """A 400 that says what is wrong and where."""

    def __init__(self, location: str, messages: Any) -> None:
        found = sorted(input_errors([location], messages), key=itemgetter("loc"))
        self.errors = found[:MAX_INPUT_ERRORS]
        first = self.errors[0]
        super().__init__(f"{'.'.join(first['loc'])}: {first['msg']}")


class NotJson(ValueError):
    """What Python's parser takes and RFC 8259 does not."""


class Parser(FlaskParser):
    """Reads a request strictly: each name known and given once, JSON as RFC 8259 has it.

    A query parameter that takes a list is given once for each of its values.
    """

    DEFAULT_VALIDATION_STATUS = 400
    DEFAULT_UNKNOWN_BY_LOCATION = FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION | {"query": RAISE}

    def load_json(self, req: Request, _schema: Schema) -> Any:
        body = read_body()
        if not body:
            raise ValidationError("A JSON object is required.")
        if not is_json_request(req):
            raise UnsupportedMediaType(NO_JSON)
        if req.headers.get("Content-Encoding", "identity") != "identity":
            raise UnsupportedMediaType("The body must be sent without a Content-Encoding.")
        try:
            return json.loads(
                body.decode(), object_pairs_hook=unique_names, parse_constant=refuse_constant
            )
        except (JSONDecodeError, NotJson) as error:
            raise ValidationError(f"Not valid JSON: {error}.") from None
        except (ValueError, RecursionError):
            raise ValidationError("Not valid JSON: it cannot be read.") from None

    def load_querystring(self, req: Request, schema: Schema) -> dict[str, Any]:
        cursor = len(f"&cursor={req.args['cursor']}") if "cursor" in req.args else 0
        if len(req.query_string) - cursor > MAX_QUERY_BYTES:
            raise ValidationError(f"Must have at most {MAX_QUERY_BYTES} bytes without the cursor.")
        given = dict(req.args.lists())
        lists = {name for name in given if isinstance(schema.fields.get(name), fields.List)}
        twice = {name for name, values in given.items() if len(values) > 1} - lists
        if twice:
            raise ValidationError({name: ["Given more than once."] for name in twice})
        return {name: values if name in lists else values[0] for name, values in given.items()}

    def handle_error(self, error: ValidationError, *_: Any, **__: Any) -> NoReturn:
        ((location, messages),) = error.messages_dict.items()
        raise InvalidInput("body" if location == "json" else location, messages)


class Blueprint(flask_smorest.Blueprint):
    """flask-smorest's, with views that take nothing they do not know of."""

    ARGUMENTS_PARSER = Parser()

    def arguments(
        self, schema: type[Schema], *, required: bool = True, **options: Any
    ) -> Callable[[View], View]:
        """As flask-smorest's; where ``required`` is false, no body is None for the view."""
        parse = super().arguments(
            schema(), required=required, **options
        )  # made once, not a request

        def decorator(view: View) -> View:
            parsed: View = parse(view)

            @wraps(parsed)
            def optional(*args: Any, **kwargs: Any) -> Any:
                return parsed(*args, **kwargs) if read_body() else view(None, **kwargs)

            return parsed if required else optional

        return decorator

    @staticmethod
    def no_query(view: View) -> View:
        """Refuse query parameters: for a view that takes none."""

        @wraps(view)
        def strict(*args: Any, **kwargs: Any) -> Any:
            if request.args:
                raise InvalidInput("query", {name: [UNKNOWN] for name in request.args})
            return view(*args, **kwargs)

        return strict


class TaskId(BaseConverter):
    """A positive bigint written in the one plain way; anything else is no such task."""

    regex = "[1-9][0-9]{0,18}"

    def to_python(self, value: str) -> int:
        if int(value) > MAX_ID:
            raise NotFound(NO_SUCH_TASK)  # werkzeug's ValidationError can end as a 405
        return int(value)


def drop_tracebacks(error: BaseException | None) -> None:
    """Cut the reference cycles of a handled error; they would keep its request until collected."""
    if error is not None:
        error.__traceback__ = None
        for earlier in (error.__cause__, error.__context__):
            drop_tracebacks(earlier)
        drop_tracebacks(getattr(error, "original_exception", None))


def drop_routing_error(_error: BaseException | None) -> None:
    """Cut the cycle of a routing error that another response came before."""
    drop_tracebacks(request.routing_exception)


def input_errors(loc: list[str], messages: Any) -> Iterator[dict[str, Any]]:
    """Flatten marshmallow's messages, which nest as the input does."""
    if isinstance(messages, dict):
        for name, inner in messages.items():
            whole = name == "_schema" and inner != [UNKNOWN]
            yield from input_errors(loc if whole else [*loc, str(name)[:MAX_NAME]], inner)
    else:
        for message in messages:
            yield {"loc": loc, "msg": message, "type": INPUT_ERROR_TYPES.get(message, "invalid")}


def read_body() -> bytes:
    """Return the whole body; one that was cut short is refused, whatever the part of it says."""
    body = receive()
    if len(body) != (request.content_length or 0):
        raise InvalidInput("body", ["Shorter than its Content-Length."])
    return body


def receive(**options: Any) -> bytes:
    """Return the body, or raise a 400 that nobody reads where the client reset the connection."""
    try:
        body: bytes = request.get_data(**options)
    except OSError:
        raise ClientDisconnected from None
    return body


def unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object, refusing a name that stands twice or cannot be shown in an answer."""
    names = {name.encode() for name, _ in pairs}
    if len(names) < len(pairs):
        raise NotJson("a name stands twice in an object")
    return dict(pairs)


def refuse_constant(constant: str) -> NoReturn:
    raise NotJson(f"{constant} is no value")


def answer_preflight() -> Response | None:
    """Answer a browser's preflight on every path: on a 404 the page would never see the error."""
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        return current_app.response_class(status=HTTPStatus.NO_CONTENT)
    return None


def refuse_unsound_body() -> None:
    """Refuse a body whose length is unknown or too large.

    Werkzeug cuts a chunked body at the limit without a word, and the front may parse. One that is
    only somewhat too large is read first: a client that is still sending when the connection closes
    sees it reset, and not the answer.
    """
    length = request.content_length or 0
    error: HTTPException | None = None
    if "Transfer-Encoding" in request.headers:
        error = LengthRequired(NO_LENGTH)
    elif length > MAX_BODY_BYTES:
        if length <= MAX_DISCARDED_BYTES:
            receive(cache=False)
        error = RequestEntityTooLarge(TOO_LARGE)
    if error:
        after_this_request(close_connection)
        raise error


def close_connection(response: Response) -> Response:
    """Say that the connection ends: its next bytes may be a body that nobody read.

    gunicorn drops this header; its `pre_request` hook in gunicorn.conf.py makes it close.
    """
    response.headers["Connection"] = "close"
    return response


def add_standing_headers(response: Response) -> Response:
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.vary.add("Origin")  # an answer without an Origin carries no CORS headers
    if request.path.startswith("/api/"):
        response.headers["Cache-Control"] = "no-store"
    return response
