"""The requests that are measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field

BODY = '{"title": "Buy milk and bread", "description": "Two litres, whole; rye if there is any"}'
CHANGED = '{"title": "Buy oat milk"}'
MANY = tuple(f"busy-{number}" for number in range(200))
READERS = tuple(f"user-{20 * number + 7}" for number in range(200))
"""Users who have a hundred tasks: one user alone may not send all requests at once."""


@dataclass(frozen=True)
class Operation:
    """A request of some users in turn. A # in its path is the id of a task of that user."""

    name: str
    method: str
    path: str
    body: str | None = None
    users: tuple[str, ...] = READERS
    headers: Mapping[str, str] = field(default_factory=dict)
    trashed: bool = False


OPERATIONS = (
    Operation("GET one task", "GET", "/api/tasks/#"),
    Operation("GET a page of 20", "GET", "/api/tasks?limit=20"),
    Operation("GET a page of 100", "GET", "/api/tasks?limit=100"),
    Operation("POST", "POST", "/api/tasks", BODY, MANY),
    Operation("PATCH", "PATCH", "/api/tasks/#", CHANGED, MANY),
    Operation("toggle", "PATCH", "/api/tasks/#/complete", users=MANY),
    Operation("DELETE", "DELETE", "/api/tasks/#", users=MANY),
)

# Each compared to the first page of the same 10,000 tasks.
LISTS = {
    "first page": "",
    **{f"sort={sort}": f"&sort={sort}" for sort in ("title", "updated_at", "-priority")},
    **{f"sort={sort}": f"&sort={sort}" for sort in ("due_date", "-due_date")},
    "status=active, priority=high, sort=due_date": "&status=active&priority=high&sort=due_date",
    "tag=work and tag=urgent, sort=title": "&tag=work&tag=urgent&sort=title",
    "due within six months, sort=-priority": (
        "&due_after=2026-06-01&due_before=2026-11-30&sort=-priority"
    ),
    "q=NUMBER 77, sort=-updated_at": "&q=NUMBER+77&sort=-updated_at",
    "q without a match": "&q=nothing",
}
