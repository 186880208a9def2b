"""How a request is read: strictly, within its limits."""

from json import JSONDecodeError
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes, urlencode

from flask import Flask, Request, after_this_request
from marshmallow import RAISE, Schema, ValidationError, fields
from webargs.flaskparser import FlaskParser, is_json_request
from werkzeug.exceptions import (
    ClientDisconnected,
    HTTPException,
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
        if not is_json_request(req):
            raise UnsupportedMediaType(NOT_JSON_MESSAGE)
        if req.headers.get("Content-Encoding", "identity") != "identity":
            raise UnsupportedMediaType(
                "The body is compressed. Send it without a Content-Encoding."
            )
        try:
            return strict_json.loads(body.decode())
        except (JSONDecodeError, strict_json.NotJson) as error:
            raise ValidationError(f"Not valid JSON: {error}.") from None
        except UnicodeDecodeError:
            raise ValidationError("Not valid JSON: not UTF-8. Encode the body as UTF-8.") from None
        except UnicodeEncodeError:
            raise ValidationError("Not valid JSON: a name with a lone surrogate.") from None
        except RecursionError:
            raise ValidationError("Not valid JSON: arrays or objects nested too deeply.") from None
        except ValueError:
            raise ValidationError("Not valid JSON: a number with too many digits.") from None

    def load_querystring(self, req: Request, schema: Schema) -> dict[str, Any]:
        try:
            unquote_to_bytes(req.query_string).decode()
        except UnicodeDecodeError:  # Werkzeug replaces what is not UTF-8
            raise ValidationError("Not UTF-8. Encode the query as UTF-8.") from None
        if query_bytes(req) > MAX_QUERY_BYTES:
            raise ValidationError(
                f"The encoded query without its cursor must have at most {MAX_QUERY_BYTES} bytes."
            )
        given = dict(req.args.lists())
        lists = {name for name in given if isinstance(schema.fields.get(name), fields.List)}
        twice = {name for name, values in given.items() if len(values) > 1} - lists
        if twice:
            raise ValidationError({name: ["Sent more than once. Send it once."] for name in twice})
        return {name: values if name in lists else values[0] for name, values in given.items()}

    def handle_error(self, error: ValidationError, *_: Any, **__: Any) -> NoReturn:
        ((location, messages),) = error.messages_dict.items()
        raise InvalidInput("body" if location == "json" else location, messages)


def query_bytes(req: Request) -> int:
    """Return the length of the query as the `Link` to the next page has it, without the cursor.

    `Link` encodes the query again: one received byte may become five.
    """
    if 5 * len(req.query_string) <= MAX_QUERY_BYTES:
        return 0  # whatever it becomes, it fits
    values: dict[str, Any] = req.args.to_dict(flat=False)
    values.pop("cursor", None)
    return len(urlencode(values, doseq=True))


def read_body() -> bytes:
    """Return the body. Raise 400 if it is shorter than its Content-Length."""
    body = receive()
    if len(body) != (current_request().content_length or 0):
        raise InvalidInput("body", [CUT_OFF_MESSAGE])
    return body


def receive(**options: Any) -> bytes:
    """Return the body. Raise 400 if it does not arrive in time, or the client disconnects."""
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
    length = request.content_length or 0 if "CONTENT_LENGTH" in request.environ else 0
    error: HTTPException | None = None
    if "HTTP_TRANSFER_ENCODING" in request.environ:
        error = LengthRequired(NO_LENGTH_MESSAGE)
    elif length > MAX_BODY_BYTES:
        if length <= MAX_DISCARDED_BYTES:
            receive(cache=False)
        error = RequestEntityTooLarge(TOO_LARGE_MESSAGE)
    if error:
        after_this_request(close_connection)
        raise error


def close_connection(response: Response) -> Response:
    """Announce that the connection closes: its next bytes may be a body that nobody read.

    gunicorn drops this header. The `pre_request` hook in gunicorn.conf.py makes it close.
    """
    response.headers["Connection"] = "close"
    return response
