"""How a request is read: strictly, within its limits."""

import json
from json import JSONDecodeError
from typing import Any, NoReturn

from flask import Flask, Request, after_this_request, request, url_for
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

from config import MAX_BODY_BYTES
from todo_api.errors import NO_LENGTH_MESSAGE, NOT_JSON_MESSAGE, TOO_LARGE_MESSAGE, InvalidInput
from todo_api.limits import MAX_QUERY_BYTES

MAX_DISCARDED_BYTES = 1024 * 1024


def init_app(app: Flask) -> None:
    app.before_request(refuse_unsound_body)


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
            raise UnsupportedMediaType(NOT_JSON_MESSAGE)
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
        if query_bytes(req) > MAX_QUERY_BYTES:
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


def query_bytes(req: Request) -> int:
    """Return the length of the query, without its cursor, as the `Link` to the next page has it.

    `url_for` encodes the query again: one byte that came may become five.
    """
    if 5 * len(req.query_string) <= MAX_QUERY_BYTES:
        return 0  # whatever it becomes, it fits
    values: dict[str, Any] = req.args.to_dict(flat=False)
    values.pop("cursor", None)
    return len(url_for(req.endpoint or "", **values).partition("?")[2])


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


def refuse_unsound_body() -> None:
    """Refuse a body whose length is unknown or too large.

    Werkzeug cuts a chunked body at the limit without a word, and the front may parse. One that is
    only somewhat too large is read first: a client that is still sending when the connection closes
    sees it reset, and not the answer.
    """
    length = request.content_length or 0
    error: HTTPException | None = None
    if "Transfer-Encoding" in request.headers:
        error = LengthRequired(NO_LENGTH_MESSAGE)
    elif length > MAX_BODY_BYTES:
        if length <= MAX_DISCARDED_BYTES:
            receive(cache=False)
        error = RequestEntityTooLarge(TOO_LARGE_MESSAGE)
    if error:
        after_this_request(close_connection)
        raise error


def close_connection(response: Response) -> Response:
    """Say that the connection ends: its next bytes may be a body that nobody read.

    gunicorn drops this header; its `pre_request` hook in gunicorn.conf.py makes it close.
    """
    response.headers["Connection"] = "close"
    return response
