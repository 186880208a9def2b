"""The fields of a task, and the shapes of a task and of request bodies, one class each."""

from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, missing, validates_schema
from marshmallow.validate import Length, OneOf

from todo_api import limits
from todo_api.database.models import PUBLIC
from todo_api.errors import UNKNOWN_MESSAGE, ApiError, Message, Output, about
from todo_api.tasks.fields import (
    NO_NUL_PATTERN,
    NOT_IN_LIST,
    TITLE_PATTERN,
    BoundedList,
    CalendarDate,
    StrictBoolean,
    Tags,
    Text,
    Title,
    at_most,
    id_field,
    label_rules,
    priority_field,
    time_field,
)

COLUMNS = tuple(str(column.name) for column in PUBLIC)
ONE_PLACE_MESSAGE = "Send exactly one of `after`, `before` and `to`."
READ_ONLY_MESSAGE = Message("Read-only. Send the request without this field.", "read_only")


class Input(Schema):
    """The base of every request shape. Unknown names are rejected."""

    error_messages = {  # noqa: RUF012 -- marshmallow's own way
        "type": Message("Must be a JSON object.", "wrong_type"),
        "unknown": UNKNOWN_MESSAGE,
    }

    class Meta:
        unknown = RAISE


class TaskFields(Input):
    """Every field of a task, in the order of the columns. The shapes of a task derive from it."""

    id = id_field()
    user_id = fields.String(
        validate=Length(min=1, max=limits.MAX_USER_ID_LENGTH),
        metadata=about(
            "The subject (`sub`) of the token that created the task.",
            "9Zi4kXoV7mJ0cQhT5sWfYbLr2uNeGdAp",
        ),
    )
    title = Title(
        required=True,
        validate=label_rules(limits.MAX_TITLE_LENGTH),
        metadata=about(
            "White space at both ends is removed. With a visible character.",
            "Buy milk",
            pattern=TITLE_PATTERN,
        ),
    )
    description = Text(
        load_default=None,
        allow_none=True,
        validate=at_most(limits.MAX_DESCRIPTION_LENGTH),
        metadata=about(
            "Kept as typed, in Unicode's form NFC, or null.",
            "Two litres, whole",
            pattern=NO_NUL_PATTERN,
        ),
    )
    completed = StrictBoolean(load_default=False, metadata={"examples": [False]})
    created_at = time_field("2026-11-23T09:30:00.123456Z", "UTC.")
    updated_at = time_field("2026-11-23T09:30:00.123456Z", "UTC.")
    completed_at = time_field(
        None, "When the task was last completed, in UTC. Null for an active task."
    )
    priority = priority_field(load_default="medium")
    due_date = CalendarDate(
        load_default=None,
        allow_none=True,
        metadata=about("A calendar date without a time zone, or null.", "2026-12-24"),
    )
    tags = Tags(load_default=[], metadata={"examples": [["home", "errand"]]})
    version = fields.Integer(
        metadata=about(
            "Grows with each change. It is the `ETag` too.", 1, format="int64", minimum=0
        )
    )
    deleted_at = time_field(
        None, "When the task was moved to the trash, in UTC. Null outside the trash."
    )
    position = fields.String(
        validate=Length(max=limits.MAX_POSITION_LENGTH),
        metadata=about(
            "The place of the task in the order by hand. Compare two as plain text.",
            "19999999999999999",
        ),
    )


READ_ONLY = tuple(
    name
    for name, field in TaskFields().fields.items()
    if not field.required and field.load_default is missing
)
"""The fields that no request sets: those that a new task neither requires nor has a default for."""


class NewTask(TaskFields):
    """A task to create. Absent fields have their defaults."""

    class Meta(Input.Meta):
        exclude = READ_ONLY

    def handle_error(self, error: ValidationError, *_: Any, **__: Any) -> None:
        """Tell fields that are read-only from those that are unknown."""
        for name in READ_ONLY:
            if name in error.messages:
                error.messages_dict[name] = [READ_ONLY_MESSAGE]


class TaskChanges(NewTask):
    """Changes to a task. A field that is absent keeps its value."""

    def on_bind_field(self, _name: str, field_obj: fields.Field[Any]) -> None:
        field_obj.required, field_obj.load_default = False, missing


class Task(TaskFields):
    """A task. Every field is present. Responses promise no pattern, which may change."""

    class Meta(Output.Meta):
        pass

    def on_bind_field(self, _name: str, field_obj: fields.Field[Any]) -> None:
        field_obj.required, field_obj.load_default = True, missing
        for field in (field_obj, getattr(field_obj, "inner", field_obj)):
            field.metadata = {k: v for k, v in field.metadata.items() if k != "pattern"}

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """Make an object from a row, or from each row. marshmallow takes several times as long.

        A row may have more columns after those of the task.
        """
        if self.many if many is None else many:
            return [dict(zip(COLUMNS, row, strict=False)) for row in obj]
        return dict(zip(COLUMNS, obj, strict=False))


class StaleTaskError(ApiError):
    """The body of a 412 of a write."""

    current = fields.Nested(
        Task, metadata={"description": "The task as it is now, with its `version`."}
    )


class Completion(Input):
    """The completion to set."""

    completed = StrictBoolean(required=True, metadata={"examples": [True]})


class Placement(Input):
    """Where to move a task: exactly one of the three."""

    after = id_field()
    before = id_field()
    to = fields.String(validate=OneOf(("first", "last"), error=NOT_IN_LIST))

    @validates_schema(skip_on_field_errors=True)
    def has_one_place(self, placement: dict[str, Any], **_: Any) -> None:
        if len(placement) != 1:
            raise ValidationError(ONE_PLACE_MESSAGE)


IDS = about("The ids of the tasks. Ids that you do not own are skipped.", [3, 1])


class ManyChanges(Input):
    """The same changes to several tasks."""

    ids = BoundedList(id_field(), max_items=limits.MAX_IDS, required=True, metadata=IDS)
    changes = fields.Nested(TaskChanges, required=True)


class ManyTasks(Input):
    """The tasks to move to the trash, or back from it."""

    ids = BoundedList(
        id_field(),
        max_items=limits.MAX_AT_ONCE,
        required=True,
        validate=Length(min=1, error=Message("Must have at least 1 item.", "too_few", 1)),
        metadata=IDS,
    )
