"""The shapes of responses other than a task or an error."""

from typing import Any

from marshmallow import fields
from marshmallow.validate import Length

from todo_api.errors import Output, about
from todo_api.limits import MAX_COUNTED_TAGS, MAX_TAG_LENGTH, PRIORITIES
from todo_api.tasks.fields import count_field, id_field
from todo_api.tasks.schemas import Task


class MovedTasks(Output):
    """The tasks that are now where the request moves them."""

    ids = fields.List(
        id_field(),
        metadata=about("Their ids, in the order of the request. Each is there once.", [3, 1]),
    )


class TaskSync(Output):
    """The changes since a sync token."""

    tasks = fields.List(
        fields.Nested(Task),
        metadata={"description": "The tasks that were created, changed or restored."},
    )
    deleted = fields.List(id_field(), metadata=about("The ids of the tasks in the trash.", [3]))
    next = fields.String(metadata={"description": "The token for the next request."})
    has_more = fields.Boolean(metadata=about("Whether there is more to get now.", False))

    def dump(self, obj: Any, **_: Any) -> Any:
        """Return the object as it is: its tasks are already made from rows."""
        return obj


PriorityCounts = Output.from_dict({p: count_field() for p in PRIORITIES}, name="PriorityCounts")


class TaskStats(Output):
    """The number of tasks that match the filters, in total and by kind."""

    total = count_field()
    active = count_field()
    completed = count_field()
    by_priority = fields.Nested(PriorityCounts)
    by_tag = fields.Dict(
        keys=fields.String(),
        values=count_field(),
        metadata=about(
            f"The {MAX_COUNTED_TAGS} most used tags and their numbers of tasks.",
            {"home": 2, "errand": 1},
        ),
    )


class Deleted(Output):
    """The tasks that were deleted."""

    deleted = count_field()
    ids = fields.List(id_field(), metadata=about("The ids of the deleted tasks.", [3, 1]))
    has_more = fields.Boolean(metadata=about("Whether there are more to delete.", False))


class TagCount(Output):
    """A tag, and how many tasks outside the trash have it."""

    tag = fields.String(validate=Length(1, MAX_TAG_LENGTH), metadata={"examples": ["home"]})
    count = count_field()
