"""The shapes of requests and answers, one class each."""

import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields
from marshmallow.validate import Length, OneOf

from todo_api.models import MAX_DESCRIPTION, MAX_ID, MAX_TITLE, MAX_USER_ID, tasks

UNKNOWN = "Unknown field."
MAX_LIMIT = 500
DEFAULT_LIMIT = 100
COLUMNS = tuple(str(name) for name in tasks.c.keys())  # noqa: SIM118 -- not a dict
STATUSES = {"all": None, "active": False, "pending": False, "completed": True}

# PostgreSQL stores no NUL in a text, and half of a surrogate pair has no UTF-8.
UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
NO_NUL = r"^[^\u0000]*$"
NO_NUL_NOT_BLANK = r"^[^\u0000]*[^\s\u0000\u001c-\u001f\u0085][^\u0000]*$"

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
POSITION = struct.Struct(">qq")


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


class Cursor(fields.Field[tuple[datetime, int]]):
    """The place of a row in the newest-first order: its creation time and its id."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[datetime, int]:
        try:
            microseconds, id_ = POSITION.unpack(urlsafe_b64decode(value + "=="))
            created_at = EPOCH + microseconds * MICROSECOND
        except (ValueError, OverflowError, struct.error):
            raise ValidationError("Not a cursor that this service gave out.") from None
        if self.encode(created_at, id_) != value:
            raise ValidationError("Not a cursor that this service gave out.")
        return created_at, id_

    @staticmethod
    def encode(created_at: datetime, id_: int) -> str:
        packed = POSITION.pack((created_at - EPOCH) // MICROSECOND, id_)
        return urlsafe_b64encode(packed).decode().rstrip("=")


def title(**options: Any) -> Title:
    return Title(
        validate=Length(min=1, max=MAX_TITLE, error="Must have {min} to {max} characters."),
        metadata={
            "description": "Trimmed of white space at both ends.",
            "pattern": NO_NUL_NOT_BLANK,
            "examples": ["Buy milk"],
        },
        **options,
    )


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
        validate=Length(max=MAX_DESCRIPTION, error="Must have at most {max} characters."),
        metadata={
            "description": "Kept as typed; null for none.",
            "pattern": NO_NUL,
            "examples": ["Two litres, whole"],
        },
    )
    completed = Boolean(metadata={"examples": [False]})


class NewTask(TaskChanges):
    """A task to create; `description` defaults to null and `completed` to false."""

    title = title(required=True)


class Completion(Input):
    """Whether the task is to be completed."""

    completed = Boolean(required=True, metadata={"examples": [True]})


class TaskPage(Input):
    """Which tasks to list."""

    status = fields.String(
        validate=OneOf(STATUSES),
        load_default="all",
        metadata={"description": "`pending` is another word for `active`."},
    )
    limit = Limit(
        load_default=DEFAULT_LIMIT,
        metadata={"minimum": 1, "maximum": MAX_LIMIT, "description": "How many at the most."},
    )
    cursor = Cursor(
        metadata={
            "type": "string",
            "description": "Where the page before ended. Take it from `Link`; do not make one.",
        }
    )


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

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """Make an object of a row, or of each: marshmallow's way takes several times as long."""
        if self.many if many is None else many:
            return [dict(zip(COLUMNS, row, strict=True)) for row in obj]
        return dict(zip(COLUMNS, obj, strict=True))


class InputError(Schema):
    """One thing that is wrong with a request."""

    loc = fields.List(
        fields.String(),
        required=True,
        metadata={
            "description": "`body` or `query`, then the name of the field.",
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
        fields.Nested(InputError), metadata={"description": "For bad input: all that is wrong."}
    )


class Health(Schema):
    """A sign of life."""

    status = fields.String(required=True, validate=OneOf(("ok",)))
