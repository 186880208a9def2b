"""How a request is read: strictly, within its limits."""

from contextlib import suppress
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes, urlencode

from flask import Flask, Request, after_this_request
from marshmallow import RAISE, Schema, ValidationError, fields
from webargs.flaskparser import FlaskParser, is_json_request
from werkzeug.exceptions import (
    ClientDisconnected,
    LengthRequired,
    RequestEntityTooLarge,
    UnsupportedMediaType,
)
from werkzeug.wrappers import Response

from todo_api.context import current_request
from todo_api.errors import NO_LENGTH_MESSAGE, NOT_JSON_MESSAGE, TOO_LARGE_MESSAGE, InvalidInput
from todo_api.http import strict_json
from todo_api.limits import MAX_BODY_BYTES, MAX_QUERY_BYTES

MAX_DISCARDED_BYTES = 1024 * 1024
CUT_OFF_MESSAGE = "The body is shorter than its Content-Length. Send all of it."
# Why a body is not JSON, by the type of the exception. Other types say it themselves.
NOT_JSON_REASONS: dict[type[Exception], str] = {
    UnicodeDecodeError: "not UTF-8. Encode the body as UTF-8",
    UnicodeEncodeError: "a name with a lone surrogate",
    RecursionError: "arrays or objects nested too deeply",
    ValueError: "a number with too many digits",
}


def init_app(app: Flask) -> None:
    app.before_request(reject_unbounded_body)


class Parser(FlaskParser):
    """Reads a request strictly: only known names, each sent once, and JSON as in RFC 8259.

    A query parameter with several values is repeated, once for each value.
    """

    DEFAULT_VALIDATION_STATUS = 400
    DEFAULT_UNKNOWN_BY_LOCATION = FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION | {"query": RAISE}

    def get_default_request(self) -> Request:
        return current_request()

    def load_json(self, req: Request, _schema: Schema) -> Any:
        body = read_body()
        if not body:
            raise ValidationError("A JSON object is required.")
        if req.headers.get("Content-Encoding", "identity").lower() != "identity":
            after_this_request(accept_identity)
            raise UnsupportedMediaType(
                "The body is compressed. Send it without a Content-Encoding."
            )
        if not is_json_request(req):
            raise UnsupportedMediaType(NOT_JSON_MESSAGE)
        try:
            return strict_json.loads(body)
        except (ValueError, RecursionError) as error:
            reason = NOT_JSON_REASONS.get(type(error), str(error))
            raise ValidationError(f"Not valid JSON: {reason}.") from None

    def load_querystring(self, req: Request, schema: Schema) -> dict[str, Any]:
        try:
            unquote_to_bytes(req.query_string).decode()
        except UnicodeDecodeError:  # Werkzeug replaces what is not UTF-8
            raise ValidationError("Not UTF-8. Encode the query as UTF-8.") from None
        if not fits_in_link(req):
            raise ValidationError(
                f"The encoded query without its cursor must have at most {MAX_QUERY_BYTES} bytes."
            )
        given = dict(req.args.lists())
        lists = {name for name in given if isinstance(schema.fields.get(name), fields.List)}
        repeated = {name for name, values in given.items() if len(values) > 1} - lists
        if repeated:
            message = "Sent more than once. Send it once."
            raise ValidationError({name: [message] for name in repeated})
        return {name: values if name in lists else values[0] for name, values in given.items()}

    def handle_error(self, error: ValidationError, *_: Any, **__: Any) -> NoReturn:
        ((location, messages),) = error.messages_dict.items()
        raise InvalidInput("body" if location == "json" else location, messages)


def fits_in_link(req: Request) -> bool:
    """Return whether the `Link` to the next page has room for the query, without its cursor.

    `Link` encodes the query again. One byte of the request may become five.
    """
    if 5 * len(req.query_string) <= MAX_QUERY_BYTES:
        return True
    values: dict[str, Any] = req.args.to_dict(flat=False)
    values.pop("cursor", None)
    return len(urlencode(values, doseq=True)) <= MAX_QUERY_BYTES


def read_body() -> bytes:
    """Return the body. Raise 400 if it is shorter than its Content-Length."""
    body = receive()
    if len(body) != (current_request().content_length or 0):
        raise InvalidInput("body", [CUT_OFF_MESSAGE])
    return body


def receive(**options: Any) -> bytes:
    """Return what arrives of the body. Raise 400 if the client is too slow or disconnects."""
    try:
        body: bytes = current_request().get_data(**options)
    except (OSError, ClientDisconnected):
        after_this_request(close_connection)
        raise InvalidInput("body", [CUT_OFF_MESSAGE]) from None
    return body


def reject_unbounded_body() -> None:
    """Reject a body whose length is unknown or too large.

    A body up to `MAX_DISCARDED_BYTES` is read first, so that a client that is still sending sees
    the response and not a reset connection.
    """
    request = current_request()
    if "HTTP_TRANSFER_ENCODING" in request.environ:
        after_this_request(close_connection)
        raise LengthRequired(NO_LENGTH_MESSAGE)
    length = request.content_length or 0
    if length > MAX_BODY_BYTES:
        after_this_request(close_connection)
        if length <= MAX_DISCARDED_BYTES:
            with suppress(InvalidInput):  # a client that stalls
                receive(cache=False)
        raise RequestEntityTooLarge(TOO_LARGE_MESSAGE)


def accept_identity(response: Response) -> Response:
    response.headers["Accept-Encoding"] = "identity"  # RFC 9110, section 12.5.3
    return response


def close_connection(response: Response) -> Response:
    """Tell the client that the connection closes: the body that nobody read may still follow.

    gunicorn drops this header. The `pre_request` hook in gunicorn.conf.py closes the connection.
    """
    response.headers["Connection"] = "close"
    return response
