"""Sorting and paging: sort orders, cursors, and the `Link` header."""

from datetime import date
from itertools import chain
from typing import Any, NamedTuple
from urllib.parse import urlencode

import sqlalchemy as sa
from marshmallow import ValidationError, fields

from todo_api.context import current_request
from todo_api.database.models import ID_PLACE, tasks
from todo_api.http.signing import sign, unsign
from todo_api.limits import MAX_PAGE_CHARACTERS, PRIORITIES

SORT_KEYS = ("created_at", "updated_at", "title", "due_date", "priority", "position")
SORTS = tuple(direction + key for key in SORT_KEYS for direction in ("", "-"))
BAD_CURSOR_MESSAGE = (
    "Invalid cursor for this list or sort. Take it from the Link header, or send none."
)
ROWS_AT_ONCE = 50


class CursorPosition(NamedTuple):
    """Where a page ended: its sort order, and the sort value and id of its last row."""

    sort: str
    value: str | None
    id: int | None


FIRST_PAGE = CursorPosition("", None, None)


class Cursor(fields.Field[CursorPosition]):
    """A cursor position, signed so that clients cannot make one."""

    use = "cursor"

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> CursorPosition:
        position = unsign(self.use, value)
        try:
            return CursorPosition(*position)
        except TypeError:
            raise ValidationError(BAD_CURSOR_MESSAGE) from None

    @classmethod
    def encode(cls, sort: str, value: date | str | None, id_: int) -> str:
        text = value.isoformat() if isinstance(value, date) else value
        return sign(cls.use, [sort, text, id_])


class TagCursor(Cursor):
    """A position in the list of tags: a tag, and its rank instead of an id."""

    use = "tag cursor"


def sort_key(sort: str, value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return the sort expression. It is never NULL, so that row comparison works."""
    match sort:
        case "title" | "-title":
            return sa.func.lower(value)
        case "priority" | "-priority":
            return sa.func.array_position(sa.literal_column(f"ARRAY{list(PRIORITIES)}"), value)
        case "due_date":
            return sa.func.coalesce(value, sa.literal_column("'infinity'::date"))
        case "-due_date":
            return sa.func.coalesce(value, sa.literal_column("'-infinity'::date"))
        case "position" | "-position":
            return sa.func.coalesce(value, ID_PLACE)
    return value


# One more than the page shows, to know if there is more.
ROW_LIMIT = sa.bindparam("row_limit", type_=sa.Integer)
POSITION_VALUE: sa.ColumnElement[Any] = sa.bindparam("position_value")
POSITION_ID = sa.bindparam("position_id", type_=sa.BigInteger)


def page_values(page: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a page: where it begins, and its number of rows."""
    _, value, id_ = page.get("cursor", FIRST_PAGE)
    return {"position_value": value, "position_id": id_, "row_limit": page["limit"] + 1}


def page_of(statement: sa.Select[Any], sort: str) -> sa.Select[Any]:
    """Select one page of a statement: the first page, or the one after the cursor position."""
    name = sort.removeprefix("-")
    key = sort_key(sort, tasks.c[name])
    row = sa.tuple_(key, tasks.c.id)
    position = sa.tuple_(sort_key(sort, POSITION_VALUE), POSITION_ID)
    page = statement.limit(ROW_LIMIT)
    if sort == name:
        return page.where(sa.or_(POSITION_ID.is_(None), row > position)).order_by(key, tasks.c.id)
    page = page.where(sa.or_(POSITION_ID.is_(None), row < position))
    return page.order_by(key.desc(), tasks.c.id.desc())


def read_page(result: sa.CursorResult[Any], limit: int) -> tuple[list[sa.Row[Any]], bool]:
    """Return the rows of a page that asked for one row more, and whether there is more.

    There are fewer rows where their descriptions are very long. psycopg2 makes Python objects only
    of the rows that are fetched.
    """
    rows: list[sa.Row[Any]] = []
    size = 0
    for row in chain.from_iterable(result.partitions(ROWS_AT_ONCE)):
        rows.append(row)
        size += len(row.description or "")
        if size > MAX_PAGE_CHARACTERS:
            break
    del rows[limit:]
    return rows, result.rowcount > len(rows)


def next_page(sort: str, last: sa.Row[Any]) -> dict[str, str]:
    """Return the `Link` header (RFC 8288) to the page after ``last``, relative to the request."""
    return link_to(Cursor.encode(sort, getattr(last, sort.removeprefix("-")), last.id))


def link_to(cursor: str) -> dict[str, str]:
    given = current_request().args.to_dict(flat=False)
    return {"Link": f'<?{urlencode({**given, "cursor": cursor}, doseq=True)}>; rel="next"'}
