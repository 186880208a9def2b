"""The shapes of requests and answers, one class each."""

import re
from datetime import date
from functools import cache
from typing import Any, NamedTuple

import orjson
from flask import current_app
from itsdangerous import BadData, URLSafeSerializer
from itsdangerous.encoding import base64_decode, base64_encode, want_bytes
from marshmallow import RAISE, Schema, ValidationError, fields, validates_schema
from marshmallow.validate import Length, OneOf

from todo_api.models import (
    MAX_DESCRIPTION,
    MAX_ID,
    MAX_TAG,
    MAX_TAGS,
    MAX_TITLE,
    MAX_USER_ID,
    PRIORITIES,
    tasks,
)

UNKNOWN = "Unknown field."
MAX_LIMIT = 500
DEFAULT_LIMIT = 100
MAX_SEARCH = 200
MAX_IDS = 100
MAX_COUNTED_TAGS = 50
COLUMNS = tuple(str(name) for name in tasks.c.keys())  # noqa: SIM118 -- not a dict
STATUSES = {"all": None, "active": False, "pending": False, "completed": True}
SORT_KEYS = ("created_at", "updated_at", "title", "due_date", "priority")
SORTS = tuple(direction + key for key in SORT_KEYS for direction in ("", "-"))

# PostgreSQL stores no NUL in a text, and half of a surrogate pair has no UTF-8.
UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # and what ends a line
NO_NUL = r"^[^\u0000]*$"
NO_CONTROL_NOT_BLANK = (
    r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*[^\s\u0000-\u001f\u007f-\u009f]"
    r"[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$"
)
NO_NUL_NOT_BLANK = r"^[^\u0000]*[^\s\u0000\u001c-\u001f\u0085][^\u0000]*$"

BETWEEN = "Must have {min} to {max} characters."
AT_MOST = "Must have at most {max} characters."
NO_CURSOR = "Not a cursor that this service gave out for this sort."


class Text(fields.String):
    """A text that PostgreSQL can store."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text = str(super()._deserialize(value, *args, **kwargs))
        if UNSTORABLE.search(text):
            raise ValidationError("Must hold no NUL character and no lone surrogate.")
        return text


class Title(Text):
    """A text that is trimmed before its length is looked at."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        return super()._deserialize(value, *args, **kwargs).strip()


class Boolean(fields.Boolean):
    """A JSON true or false, and nothing that only looks like one."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if isinstance(value, bool):
            return value
        raise self.make_error("invalid")


class Limit(fields.Integer):
    """A page size in plain ASCII digits: `int` would take 1_0 and Arabic digits too."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if re.fullmatch(r"[1-9][0-9]{0,2}", value) and int(value) <= MAX_LIMIT:
            return int(value)
        raise ValidationError(f"Must be a whole number from 1 to {MAX_LIMIT}.")


class Id(fields.Integer):
    """The id of a task: a JSON number, and nothing that only looks like one."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if type(value) in (int, float) and 1 <= value <= MAX_ID and value == int(value):
            return int(value)
        raise ValidationError(f"Must be a whole number from 1 to {MAX_ID}.")


class Date(fields.Date):
    """A calendar date in the one plain way: ISO 8601 knows weeks and days of the year too."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> date:
        try:
            if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
                return date.fromisoformat(value)
        except (TypeError, ValueError):
            pass
        raise ValidationError("Must be a date as YYYY-MM-DD.")


class Tag(Text):
    """A text on one line that is trimmed and lower-cased before its length is looked at."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        tag = super()._deserialize(value, *args, **kwargs).strip().lower()
        if CONTROL.search(tag):
            raise ValidationError("Must hold no control character and be on one line.")
        return tag


class Tags(fields.List[str]):
    """Tags in the order given; of those that are the same, the first."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[str | None]:
        if isinstance(value, list) and len(value) > MAX_TAGS:
            raise ValidationError(f"Must be at most {MAX_TAGS} tags.")
        return list(dict.fromkeys(super()._deserialize(value, *args, **kwargs)))


class Place(NamedTuple):
    """Where a page ended: the row's value in the order that it is sorted by, and its id."""

    sort: str
    value: str | None
    id: int | None


class Cursor(fields.Field[Place]):
    """A place, signed so that nobody else can make one."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Place:
        _, _, signature = value.rpartition(".")
        for each in signers():
            try:
                place = Place(*each.loads(value))
                if base64_encode(base64_decode(signature)).decode() == signature:
                    return place  # not written in another of base64's ways
            except (BadData, TypeError) as error:
                error.__traceback__ = None  # a frame of itsdangerous refers to the error
        raise ValidationError(NO_CURSOR)

    @staticmethod
    def encode(sort: str, value: date | str | None, id_: int) -> str:
        text = value.isoformat() if isinstance(value, date) else value
        signed = signers()[0].dumps([sort, text, id_])
        return want_bytes(signed).decode()  # bytes, as orjson's are


def signers() -> list[URLSafeSerializer]:
    return [signer(key) for key in current_app.config["SETTINGS"].token_keys]


@cache
def signer(key: bytes) -> URLSafeSerializer:
    return URLSafeSerializer(key, "cursor", serializer=orjson)


def title(**options: Any) -> Title:
    return Title(
        validate=Length(min=1, max=MAX_TITLE, error=BETWEEN),
        metadata={
            "description": "Trimmed of white space at both ends.",
            "pattern": NO_NUL_NOT_BLANK,
            "examples": ["Buy milk"],
        },
        **options,
    )


def priority(**options: Any) -> fields.String:
    return fields.String(validate=OneOf(PRIORITIES), metadata={"examples": ["high"]}, **options)


def tag() -> Tag:
    return Tag(
        validate=Length(min=1, max=MAX_TAG, error=BETWEEN),
        metadata={
            "description": "Trimmed, and lower-cased.",
            "pattern": NO_CONTROL_NOT_BLANK,
            "examples": ["home"],
        },
    )


def tags() -> Tags:
    return Tags(tag(), metadata={"maxItems": MAX_TAGS, "examples": [["home", "errand"]]})


def completed(**options: Any) -> Boolean:
    return Boolean(attribute="is_completed", metadata={"examples": [False]}, **options)


def count() -> fields.Integer:
    return fields.Integer(required=True, metadata={"minimum": 0, "examples": [1]})


class Input(Schema):
    """What a client sends; a name that is not in it is refused."""

    error_messages = {  # noqa: RUF012 -- as marshmallow has it
        "type": "Must be a JSON object.",
        "unknown": UNKNOWN,
    }

    class Meta:
        unknown = RAISE


class TaskChanges(Input):
    """What to change: a field that is absent keeps its value."""

    title = title()
    description = Text(
        allow_none=True,
        validate=Length(max=MAX_DESCRIPTION, error=AT_MOST),
        metadata={
            "description": "Kept as typed; null for none.",
            "pattern": NO_NUL,
            "examples": ["Two litres, whole"],
        },
    )
    completed = completed()
    priority = priority()
    due_date = Date(
        allow_none=True,
        metadata={"description": "A calendar date; null for none.", "examples": ["2026-12-24"]},
    )
    tags = tags()


class NewTask(TaskChanges):
    """A task to create.

    `description` and `due_date` default to null, `completed` to false, `priority` to `medium`, and
    `tags` to none.
    """

    title = title(required=True)


class Completion(Input):
    """Whether the task is to be completed."""

    completed = completed(required=True)


class ManyChanges(Input):
    """What to change in several tasks at once."""

    ids = fields.List(
        Id(metadata={"format": "int64", "minimum": 1, "maximum": MAX_ID}),
        required=True,
        validate=Length(max=MAX_IDS, error="Must be at most {max} ids."),
        metadata={
            "description": "Which tasks; those that are not mine are left out.",
            "examples": [[3, 1]],
        },
    )
    changes = fields.Nested(TaskChanges, required=True)


class CompletedTasks(Input):
    """Which tasks to delete: there is one choice, and it must be made."""

    status = fields.String(required=True, validate=OneOf(("completed",)))


class TaskFilters(Input):
    """Which tasks are meant; a task must pass all that are given."""

    status = fields.String(
        validate=OneOf(STATUSES),
        load_default="all",
        metadata={
            "description": "`pending` is another word for `active`.",
            "examples": ["active"],
        },
    )
    q = Text(
        validate=Length(max=MAX_SEARCH, error=AT_MOST),
        metadata={
            "description": "What the title or the description contains, in any case of letters.",
            "pattern": NO_NUL,
            "examples": ["milk"],
        },
    )
    priority = fields.List(
        priority(),
        metadata={"description": "Any of these, repeated.", "examples": [["high", "medium"]]},
    )
    tag = Tags(
        tag(),
        metadata={
            "maxItems": MAX_TAGS,
            "description": "All of these, repeated.",
            "examples": [["home", "errand"]],
        },
    )
    due_before = Date(
        metadata={"description": "Due on that day or before.", "examples": ["2026-12-31"]}
    )
    due_after = Date(
        metadata={"description": "Due on that day or after.", "examples": ["2026-12-01"]}
    )


class TaskPage(TaskFilters):
    """Which tasks to list, and how."""

    sort = fields.String(
        validate=OneOf(SORTS),
        load_default="-created_at",
        metadata={
            "description": "`-` for descending; tasks without a due date come last either way.",
            "examples": ["-due_date"],
        },
    )
    limit = Limit(
        load_default=DEFAULT_LIMIT,
        metadata={
            "minimum": 1,
            "maximum": MAX_LIMIT,
            "description": "How many at the most.",
            "examples": [20],
        },
    )
    cursor = Cursor(
        metadata={
            "type": "string",
            "description": "Where the page before ended. Take it from `Link`; do not make one.",
        }
    )

    @validates_schema
    def cursor_is_of_this_sort(self, page: dict[str, Any], **_: Any) -> None:
        if "cursor" in page and page["cursor"].sort != page["sort"]:
            raise ValidationError(NO_CURSOR, "cursor")


class Task(Schema):
    """A task as it is stored."""

    id = fields.Integer(
        required=True,
        metadata={"format": "int64", "minimum": 1, "maximum": MAX_ID, "examples": [1]},
    )
    user_id = fields.String(
        required=True,
        validate=Length(min=1, max=MAX_USER_ID),
        metadata={
            "description": "The subject of the token that created it.",
            "examples": ["9Zi4kXoV7mJ0cQhT5sWfYbLr2uNeGdAp"],
        },
    )
    title = fields.String(
        required=True,
        validate=Length(min=1, max=MAX_TITLE),
        metadata={"examples": ["Buy milk"]},
    )
    description = fields.String(
        required=True,
        allow_none=True,
        validate=Length(max=MAX_DESCRIPTION),
        metadata={"examples": ["Two litres, whole"]},
    )
    completed = fields.Boolean(required=True, metadata={"examples": [False]})
    created_at = fields.DateTime(
        required=True,
        metadata={"description": "UTC.", "examples": ["2026-11-23T09:30:00.123456Z"]},
    )
    updated_at = fields.DateTime(
        required=True,
        metadata={"description": "UTC.", "examples": ["2026-11-23T09:30:00.123456Z"]},
    )
    completed_at = fields.DateTime(
        required=True,
        allow_none=True,
        metadata={
            "description": "UTC; null where it is active, or was completed before this was noted.",
            "examples": [None],
        },
    )
    priority = fields.String(
        required=True, validate=OneOf(PRIORITIES), metadata={"examples": ["medium"]}
    )
    due_date = fields.Date(required=True, allow_none=True, metadata={"examples": ["2026-12-24"]})
    tags = fields.List(
        fields.String(validate=Length(min=1, max=MAX_TAG)),
        required=True,
        validate=Length(max=MAX_TAGS),
        metadata={"examples": [["home", "errand"]]},
    )

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """Make an object of a row, or of each: marshmallow's way takes several times as long."""
        if self.many if many is None else many:
            return [dict(zip(COLUMNS, row, strict=True)) for row in obj]
        return dict(zip(COLUMNS, obj, strict=True))


class PriorityCounts(Schema):
    """How many tasks have each priority."""

    low = count()
    medium = count()
    high = count()


class TaskStats(Schema):
    """How many tasks there are, and of which kinds."""

    total = count()
    active = count()
    completed = count()
    by_priority = fields.Nested(PriorityCounts, required=True)
    by_tag = fields.Dict(
        keys=fields.String(),
        values=count(),
        required=True,
        metadata={
            "description": f"The {MAX_COUNTED_TAGS} most used tags, and how often each is used.",
            "examples": [{"home": 2, "errand": 1}],
        },
    )


class Deleted(Schema):
    """How many tasks were deleted."""

    deleted = count()


class InputError(Schema):
    """One thing that is wrong with a request."""

    loc = fields.List(
        fields.String(),
        required=True,
        metadata={
            "description": "`body` or `query`, then the name of the field, then where in a list.",
            "examples": [["body", "title"]],
        },
    )
    msg = fields.String(required=True, metadata={"examples": ["Missing data for required field."]})
    type = fields.String(
        required=True,
        validate=OneOf(("missing", "unknown", "null", "invalid")),
        metadata={"examples": ["missing"]},
    )


class Error(Schema):
    """The body of every answer that is an error."""

    detail = fields.String(required=True, metadata={"description": "For a person to read."})
    status_code = fields.Integer(required=True, metadata={"minimum": 400, "maximum": 599})
    error_type = fields.String(required=True, metadata={"description": "For a program to compare."})
    errors = fields.List(
        fields.Nested(InputError),
        metadata={"description": "For bad input: what is wrong, up to 20 things."},
    )


class Health(Schema):
    """A sign of life."""

    status = fields.String(required=True, validate=OneOf(("ok",)))
