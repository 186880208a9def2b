"""The shapes of requests and responses, one class each."""

from typing import Any

from marshmallow import RAISE, Schema, fields
from marshmallow.validate import Length, OneOf

from todo_api.errors import UNKNOWN_MESSAGE
from todo_api.fields import (
    AT_MOST_MESSAGE,
    NO_NUL_PATTERN,
    BoundedList,
    CalendarDate,
    Text,
    WholeNumber,
    completed_field,
    count_field,
    priority_field,
    tags_field,
    title_field,
)
from todo_api.limits import (
    MAX_COUNTED_TAGS,
    MAX_DESCRIPTION_LENGTH,
    MAX_ID,
    MAX_IDS,
    MAX_TAG_LENGTH,
    MAX_TAGS,
    MAX_TITLE_LENGTH,
    MAX_USER_ID_LENGTH,
    PRIORITIES,
)
from todo_api.models import PUBLIC

COLUMNS = tuple(str(column.name) for column in PUBLIC)


class Input(Schema):
    """The base of every request shape. Unknown names are rejected."""

    error_messages = {  # noqa: RUF012 -- marshmallow's own way
        "type": "Must be a JSON object.",
        "unknown": UNKNOWN_MESSAGE,
    }

    class Meta:
        unknown = RAISE


class TaskChanges(Input):
    """Changes to a task. A field that is absent keeps its value."""

    title = title_field()
    description = Text(
        allow_none=True,
        validate=Length(max=MAX_DESCRIPTION_LENGTH, error=AT_MOST_MESSAGE),
        metadata={
            "description": "Kept as typed, or null.",
            "pattern": NO_NUL_PATTERN,
            "examples": ["Two litres, whole"],
        },
    )
    completed = completed_field()
    priority = priority_field()
    due_date = CalendarDate(
        allow_none=True,
        metadata={
            "description": "A calendar date without a time zone, or null.",
            "examples": ["2026-12-24"],
        },
    )
    tags = tags_field()


class NewTask(TaskChanges):
    """A task to create.

    `completed` defaults to false, `priority` to `medium`, and `tags` to none. Other fields default
    to null.
    """

    title = title_field(required=True)


class Completion(Input):
    """The completion to set."""

    completed = completed_field(required=True)


class ManyChanges(Input):
    """The same changes to several tasks."""

    ids = BoundedList(
        WholeNumber(minimum=1, maximum=MAX_ID, metadata={"format": "int64"}),
        max_items=MAX_IDS,
        required=True,
        metadata={
            "description": "The ids of the tasks. Ids that you do not own are skipped.",
            "examples": [[3, 1]],
        },
    )
    changes = fields.Nested(TaskChanges, required=True)


class Task(Schema):
    """A task."""

    id = fields.Integer(
        required=True,
        metadata={"format": "int64", "minimum": 1, "maximum": MAX_ID, "examples": [1]},
    )
    user_id = fields.String(
        required=True,
        validate=Length(min=1, max=MAX_USER_ID_LENGTH),
        metadata={
            "description": "The subject (`sub`) of the token that created the task.",
            "examples": ["9Zi4kXoV7mJ0cQhT5sWfYbLr2uNeGdAp"],
        },
    )
    title = fields.String(
        required=True,
        validate=Length(min=1, max=MAX_TITLE_LENGTH),
        metadata={"examples": ["Buy milk"]},
    )
    description = fields.String(
        required=True,
        allow_none=True,
        validate=Length(max=MAX_DESCRIPTION_LENGTH),
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
            "description": "When the task was last completed, in UTC. Null for an active task.",
            "examples": [None],
        },
    )
    priority = fields.String(
        required=True, validate=OneOf(PRIORITIES), metadata={"examples": ["medium"]}
    )
    due_date = fields.Date(required=True, allow_none=True, metadata={"examples": ["2026-12-24"]})
    tags = fields.List(
        fields.String(validate=Length(min=1, max=MAX_TAG_LENGTH)),
        required=True,
        validate=Length(max=MAX_TAGS),
        metadata={"examples": [["home", "errand"]]},
    )
    version = fields.Integer(
        required=True,
        metadata={
            "description": "Grows with each change. It is the `ETag` too.",
            "format": "int64",
            "minimum": 0,
            "examples": [1],
        },
    )
    deleted_at = fields.DateTime(
        required=True,
        allow_none=True,
        metadata={
            "description": "When the task was moved to the trash, in UTC. Null outside the trash.",
            "examples": [None],
        },
    )

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """Make an object from a row, or from each row. marshmallow takes several times as long.

        A row may have more columns after those of the task.
        """
        if self.many if many is None else many:
            return [dict(zip(COLUMNS, row, strict=False)) for row in obj]
        return dict(zip(COLUMNS, obj, strict=False))


class TaskSync(Schema):
    """The changes since a sync token."""

    tasks = fields.List(
        fields.Nested(Task),
        required=True,
        metadata={"description": "The tasks that were created, changed or restored."},
    )
    deleted = fields.List(
        fields.Integer(metadata={"format": "int64", "minimum": 1, "maximum": MAX_ID}),
        required=True,
        metadata={"description": "The ids of the tasks in the trash.", "examples": [[3]]},
    )
    next = fields.String(required=True, metadata={"description": "The token for the next request."})
    has_more = fields.Boolean(
        required=True,
        metadata={"description": "Whether there is more to get now.", "examples": [False]},
    )

    def dump(self, obj: Any, **_: Any) -> Any:
        """Return the object as it is: its tasks are already made from rows."""
        return obj


class PriorityCounts(Schema):
    """The number of tasks with each priority."""

    low = count_field()
    medium = count_field()
    high = count_field()


class TaskStats(Schema):
    """The number of tasks that match the filters, in total and by kind."""

    total = count_field()
    active = count_field()
    completed = count_field()
    by_priority = fields.Nested(PriorityCounts, required=True)
    by_tag = fields.Dict(
        keys=fields.String(),
        values=count_field(),
        required=True,
        metadata={
            "description": f"The {MAX_COUNTED_TAGS} most used tags and their numbers of tasks.",
            "examples": [{"home": 2, "errand": 1}],
        },
    )


class Deleted(Schema):
    """The number of deleted tasks."""

    deleted = count_field()


class Health(Schema):
    """The state of the service."""

    status = fields.String(required=True, validate=OneOf(("ok",)))
