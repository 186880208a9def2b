"""The orders of a list, and its pages: cursor, first page, `Link` header."""

from datetime import date
from functools import cache
from typing import Any, NamedTuple

import orjson
from flask import request, url_for
from itsdangerous import BadData, URLSafeSerializer
from itsdangerous.encoding import base64_decode, base64_encode, want_bytes
from marshmallow import ValidationError, fields
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CursorResult,
    Index,
    Row,
    Select,
    bindparam,
    func,
    literal_column,
    or_,
    tuple_,
)

from todo_api.context import settings
from todo_api.limits import MAX_PAGE_CHARACTERS, PRIORITIES
from todo_api.models import tasks

SORT_KEYS = ("created_at", "updated_at", "title", "due_date", "priority")
SORTS = tuple(direction + key for key in SORT_KEYS for direction in ("", "-"))
BAD_CURSOR_MESSAGE = "Not a cursor that this service gave out for this sort."
ROWS_AT_ONCE = 50


class CursorPosition(NamedTuple):
    """Where a page ended: the row's value in the order that it is sorted by, and its id."""

    sort: str
    value: str | None
    id: int | None


FIRST_PAGE = CursorPosition("", None, None)


class Cursor(fields.Field[CursorPosition]):
    """A place, signed so that nobody else can make one."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> CursorPosition:
        _, _, signature = value.rpartition(".")
        for each in signers():
            try:
                place = CursorPosition(*each.loads(value))
                if base64_encode(base64_decode(signature)).decode() == signature:
                    return place  # not written in another of base64's ways
            except (BadData, TypeError) as error:
                error.__traceback__ = None  # a frame of itsdangerous refers to the error
        raise ValidationError(BAD_CURSOR_MESSAGE)

    @staticmethod
    def encode(sort: str, value: date | str | None, id_: int) -> str:
        text = value.isoformat() if isinstance(value, date) else value
        signed = signers()[0].dumps([sort, text, id_])
        return want_bytes(signed).decode()  # bytes, as orjson's are


def signers() -> list[URLSafeSerializer]:
    return [signer(key) for key in settings().keys_for("cursor")]


@cache
def signer(key: bytes) -> URLSafeSerializer:
    return URLSafeSerializer(key, "cursor", serializer=orjson)


def sort_key(sort: str, value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return what a value is sorted by; never null, so that two compare as PostgreSQL's rows do."""
    match sort:
        case "title" | "-title":
            return func.lower(value)
        case "priority" | "-priority":
            return func.array_position(literal_column(f"ARRAY{list(PRIORITIES)}"), value)
        case "due_date":
            return func.coalesce(value, literal_column("'infinity'::date"))
        case "-due_date":
            return func.coalesce(value, literal_column("'-infinity'::date"))
    return value


# To sort 10,000 tasks of one user takes 15 ms, to walk an index a twentieth of one. The price is
# paid by writes: an update touches every index, and five times the write-ahead log.
for name, sort in {
    "updated_at": "updated_at",
    "title": "title",
    "priority": "priority",
    "due_date": "due_date",
    "due_date_descending": "-due_date",
}.items():
    key = sort_key(sort, tasks.c[sort.removeprefix("-")])
    Index(f"ix_tasks_user_id_{name}", tasks.c.user_id, key, tasks.c.id)
POSITION_ID = bindparam("place_id", type_=BigInteger)


def page_of(statement: Select[Any], sort: str) -> Select[Any]:
    """Select a page of a statement: the first, or the one after a place."""
    name = sort.removeprefix("-")
    key = sort_key(sort, tasks.c[name])
    here, place = tuple_(key, tasks.c.id), tuple_(sort_key(sort, bindparam("place")), POSITION_ID)
    page = statement.limit(bindparam("at_most"))
    if sort == name:
        return page.where(or_(POSITION_ID.is_(None), here > place)).order_by(key, tasks.c.id)
    page = page.where(or_(POSITION_ID.is_(None), here < place))
    return page.order_by(key.desc(), tasks.c.id.desc())


def read_rows(result: CursorResult[Any]) -> list[Row[Any]]:
    """Return the rows of a page, or fewer where their descriptions are very long.

    psycopg2 makes Python objects only of the rows that are fetched.
    """
    rows: list[Row[Any]] = []
    size = 0
    for part in result.partitions(ROWS_AT_ONCE):
        rows += part
        size += sum(len(row.description or "") for row in part)
        if size > MAX_PAGE_CHARACTERS:
            break
    return rows


def next_page(sort: str, last: Row[Any]) -> dict[str, str]:
    """Return the header (RFC 8288) that leads to what comes after ``last`` in this list."""
    cursor = Cursor.encode(sort, getattr(last, sort.removeprefix("-")), last.id)
    query: dict[str, Any] = {**request.args.to_dict(flat=False), "cursor": cursor}
    following = url_for(".list_tasks", **query)
    return {"Link": f'<{following}>; rel="next"'}
