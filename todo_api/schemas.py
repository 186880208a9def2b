"""The shapes of requests and responses, one class each."""

from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validates_schema
from marshmallow.validate import Length, OneOf

from todo_api.errors import UNKNOWN_MESSAGE
from todo_api.fields import (
    AT_MOST_MESSAGE,
    NO_NUL_PATTERN,
    Date,
    List,
    PageSize,
    Tags,
    TaskId,
    Text,
    completed,
    count,
    priority,
    tags,
    title,
)
from todo_api.limits import (
    DEFAULT_PAGE_SIZE,
    MAX_COUNTED_TAGS,
    MAX_DESCRIPTION_LENGTH,
    MAX_ID,
    MAX_IDS,
    MAX_PAGE_SIZE,
    MAX_PRIORITIES,
    MAX_SEARCH_LENGTH,
    MAX_TAG_LENGTH,
    MAX_TAGS,
    MAX_TITLE_LENGTH,
    MAX_USER_ID_LENGTH,
    PRIORITIES,
    STATUSES,
)
from todo_api.models import tasks as tasks_table
from todo_api.paging import BAD_CURSOR_MESSAGE, SORTS, Cursor

COLUMNS = tuple(str(name) for name in tasks_table.c.keys())  # noqa: SIM118 -- not a dict


class Input(Schema):
    """What a client sends; a name that is not in it is refused."""

    error_messages = {  # noqa: RUF012 -- as marshmallow has it
        "type": "Must be a JSON object.",
        "unknown": UNKNOWN_MESSAGE,
    }

    class Meta:
        unknown = RAISE


class TaskChanges(Input):
    """What to change: a field that is absent keeps its value."""

    title = title()
    description = Text(
        allow_none=True,
        validate=Length(max=MAX_DESCRIPTION_LENGTH, error=AT_MOST_MESSAGE),
        metadata={
            "description": "Kept as typed; null for none.",
            "pattern": NO_NUL_PATTERN,
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

    ids = List(
        TaskId(metadata={"format": "int64", "minimum": 1, "maximum": MAX_ID}),
        max_items=MAX_IDS,
        required=True,
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
        validate=Length(max=MAX_SEARCH_LENGTH, error=AT_MOST_MESSAGE),
        metadata={
            "description": "What the title or the description contains, in any case of letters.",
            "pattern": NO_NUL_PATTERN,
            "examples": ["milk"],
        },
    )
    priority = List(
        priority(),
        max_items=MAX_PRIORITIES,
        metadata={"description": "Any of these, repeated.", "examples": [["high", "medium"]]},
    )
    tag = Tags(
        metadata={"description": "All of these, repeated.", "examples": [["home", "errand"]]}
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
    limit = PageSize(
        load_default=DEFAULT_PAGE_SIZE,
        metadata={
            "minimum": 1,
            "maximum": MAX_PAGE_SIZE,
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
            raise ValidationError(BAD_CURSOR_MESSAGE, "cursor")


class Task(Schema):
    """A task as it is stored."""

    id = fields.Integer(
        required=True,
        metadata={"format": "int64", "minimum": 1, "maximum": MAX_ID, "examples": [1]},
    )
    user_id = fields.String(
        required=True,
        validate=Length(min=1, max=MAX_USER_ID_LENGTH),
        metadata={
            "description": "The subject of the token that created it.",
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
            "description": "UTC; null where it is active, or was completed before this was noted.",
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


class Health(Schema):
    """A sign of life."""

    status = fields.String(required=True, validate=OneOf(("ok",)))
