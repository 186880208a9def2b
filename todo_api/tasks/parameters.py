"""The query parameters of each request, one class each."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema
from marshmallow.validate import OneOf

from todo_api import limits
from todo_api.errors import UNKNOWN_PARAMETER_MESSAGE, about
from todo_api.http.signing import SIGNED
from todo_api.tasks.fields import (
    NO_NUL_PATTERN,
    NOT_IN_LIST,
    ON_ONE_LINE,
    BoundedList,
    CalendarDate,
    Tag,
    Tags,
    Text,
    at_most,
    page_size_field,
    priority_field,
)
from todo_api.tasks.paging import BAD_CURSOR_MESSAGE, SORTS, Cursor, TagCursor
from todo_api.tasks.schemas import Input
from todo_api.tasks.sync import SyncToken

CURSOR = SIGNED | {"description": "Where the previous page ended. Take it from the `Link` header."}


class Query(Input):
    """The base of every query."""

    error_messages = {"unknown": UNKNOWN_PARAMETER_MESSAGE}  # noqa: RUF012


class TasksToDelete(Query):
    """The tasks to delete. `status` is required."""

    status = fields.String(
        required=True,
        validate=OneOf(("completed", limits.IN_TRASH), error=NOT_IN_LIST),
        metadata={"description": "`deleted` is the trash, which is then erased for good."},
    )


class ChangesPage(Query):
    """Where the client is, and how much it takes at once."""

    since = SyncToken(
        metadata=SIGNED
        | {
            "description": "`next` of the previous response, or the `Sync-Token` of a list. "
            "Without it all tasks are returned."
        }
    )
    limit = page_size_field("The maximum number of tasks and deleted ids.")


class TaskFilters(Query):
    """Filters. A task must match all that are sent."""

    status = fields.String(
        validate=OneOf(limits.STATUSES, error=NOT_IN_LIST),
        load_default="all",
        metadata=about(
            "`pending` is the same as `active`. `deleted` is the trash, which no other status has.",
            "active",
        ),
    )
    q = Text(
        validate=at_most(limits.MAX_SEARCH_LENGTH),
        metadata=about(
            "Text in the title or the description, upper or lower case. Accents "
            "and full-width letters differ.",
            "milk",
            pattern=NO_NUL_PATTERN,
        ),
    )
    priority = BoundedList(
        priority_field(),
        max_items=limits.MAX_PRIORITIES,
        metadata=about(
            "Tasks with any of these priorities. Repeat the parameter for several.",
            ["high", "medium"],
        ),
    )
    tag = Tags(
        metadata=about(
            "Tasks with all of these tags. Repeat the parameter for several.", ["home", "errand"]
        )
    )
    due_before = CalendarDate(metadata=about("Due on this day or earlier.", "2026-12-31"))
    due_after = CalendarDate(metadata=about("Due on this day or later.", "2026-12-01"))


class TaskPage(TaskFilters):
    """Filters, sort order and page."""

    sort = fields.String(
        validate=OneOf(SORTS, error=NOT_IN_LIST),
        load_default="-created_at",
        metadata=about(
            "`-` means descending. Tasks without a due date always come last.", "-due_date"
        ),
    )
    limit = page_size_field("The maximum number of tasks on a page.")
    cursor = Cursor(metadata=CURSOR)

    @validates_schema
    def cursor_is_of_this_sort(self, page: dict[str, Any], **_: Any) -> None:
        if "cursor" in page and page["cursor"].sort != page["sort"]:
            raise ValidationError(BAD_CURSOR_MESSAGE, "cursor")


class TagPage(Query):
    """The tags to list, and the page."""

    q = Tag(
        load_default="",
        validate=at_most(limits.MAX_TAG_LENGTH),
        metadata=about(
            "How the tag begins. Trimmed and converted to lower case.",
            "ho",
            pattern=rf"^{ON_ONE_LINE}$",
        ),
    )
    limit = page_size_field("The maximum number of tags on a page.")
    cursor = TagCursor(metadata=CURSOR)
