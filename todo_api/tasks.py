"""The task endpoints."""

import re
from typing import Any, cast

from flask import g, request, url_for
from sqlalchemy import CursorResult, Executable, Row
from werkzeug.exceptions import NotFound

from todo_api import db, statements
from todo_api.api import NO_SUCH_TASK, Blueprint
from todo_api.auth import require_user
from todo_api.schemas import (
    STATUSES,
    CompletedTasks,
    Completion,
    Cursor,
    Deleted,
    ManyChanges,
    NewTask,
    Place,
    Task,
    TaskChanges,
    TaskFilters,
    TaskPage,
    TaskStats,
)

blp = Blueprint("tasks", __name__, url_prefix="/api/tasks", description="My tasks.")

MAX_PAGE_CHARACTERS = 1_000_000  # of descriptions; the default page never has more
ROWS_AT_ONCE = 50
START = Place("", None, None)


@blp.route("")
@require_user
@blp.arguments(TaskPage, location="query")
@blp.response(
    200,
    Task(many=True),
    headers={
        "Link": {
            "description": 'The next page, as `<...>; rel="next"`; absent on the last one.',
            "schema": {"type": "string"},
        }
    },
)
def list_tasks(page: dict[str, Any]) -> tuple[list[Row[Any]], dict[str, str]]:
    """List my tasks."""
    sort, limit, place = page["sort"], page["limit"], page.get("cursor", START)
    values = {"place": place.value, "place_id": place.id, "at_most": limit + 1}
    with execute(statements.LISTS[sort], **filters(page), **values) as result:
        rows = read_rows(result)[:limit]
        return rows, next_page(sort, rows[-1]) if result.rowcount > len(rows) else {}


@blp.route("/stats")
@require_user
@blp.arguments(TaskFilters, location="query")
@blp.response(200, TaskStats)
def get_task_stats(asked: dict[str, Any]) -> Row[Any]:
    """Count my tasks."""
    return execute(statements.STATS, **filters(asked)).one()


@blp.route("", methods=["POST"])
@require_user
@blp.no_query
@blp.arguments(NewTask)
@blp.response(
    201,
    Task,
    headers={"Location": {"description": "Where the task is.", "schema": {"type": "string"}}},
)
def create_task(task: dict[str, Any]) -> tuple[Row[Any], dict[str, str]]:
    """Create a task."""
    row = execute(statements.CREATE, **{"is_completed": False} | task).one()
    return row, {"Location": url_for(".get_task", task_id=row.id)}


@blp.route("", methods=["PATCH"])
@require_user
@blp.no_query
@blp.arguments(ManyChanges)
@blp.response(200, Task(many=True))
def update_tasks(asked: dict[str, Any]) -> list[Row[Any]]:
    """Make the same changes to several of my tasks, and get those changed in the order of `ids`."""
    ids, changes = asked["ids"], asked["changes"]
    changed = execute(statements.CHANGE_MANY.to(changes), ids=ids, **changes)
    rows = {row.id: row for row in changed}
    return [rows[id_] for id_ in dict.fromkeys(ids) if id_ in rows]


@blp.route("", methods=["DELETE"])
@require_user
@blp.arguments(CompletedTasks, location="query")
@blp.response(200, Deleted)
def delete_completed_tasks(_: dict[str, Any]) -> dict[str, int]:
    """Delete my completed tasks."""
    return {"deleted": execute(statements.DELETE_COMPLETED).rowcount}


@blp.route("/<task_id:task_id>")
@require_user
@blp.no_query
@blp.response(200, Task)
def get_task(task_id: int) -> Row[Any]:
    """Get one of my tasks."""
    return execute_on(task_id, statements.GET)


@blp.route("/<task_id:task_id>", methods=["PATCH"])
@blp.route("/<task_id:task_id>", methods=["PUT"], endpoint="replace_task")
@require_user
@blp.no_query
@blp.arguments(TaskChanges)
@blp.response(200, Task)
def update_task(changes: dict[str, Any], task_id: int) -> Row[Any]:
    """Change the fields that are named; the others keep their values, with PUT as with PATCH."""
    return execute_on(task_id, statements.CHANGE.to(changes), **changes)


@blp.route("/<task_id:task_id>/complete", methods=["PATCH"])
@require_user
@blp.no_query
@blp.arguments(Completion, required=False)
@blp.response(200, Task)
def toggle_task_complete(completion: dict[str, Any] | None, task_id: int) -> Row[Any]:
    """Complete a task, or flip whether it is completed where no body says which."""
    if completion is None:
        return execute_on(task_id, statements.TOGGLE)
    return execute_on(task_id, statements.CHANGE.to(completion), **completion)


@blp.route("/<task_id:task_id>", methods=["DELETE"])
@require_user
@blp.no_query
@blp.response(204)
def delete_task(task_id: int) -> None:
    """Delete one of my tasks."""
    execute_on(task_id, statements.DELETE)


def execute_on(task_id: int, statement: Executable, **values: Any) -> Row[Any]:
    """Execute a statement on one task and return its row; no row is no such task of this user."""
    row = execute(statement, task_id=task_id, **values).one_or_none()
    if row is None:
        raise NotFound(NO_SUCH_TASK)
    return row


def execute(statement: Executable, **values: Any) -> CursorResult[Any]:
    result = db.session().execute(statement, {"owner": g.user, **values})
    return cast("CursorResult[Any]", result)


def filters(asked: dict[str, Any]) -> dict[str, Any]:
    """Return the values of the filters, null for those that are not asked for."""
    q = re.sub(r"([\\%_])", r"\\\1", asked.get("q", ""))
    return {
        "is_completed": STATUSES[asked["status"]],
        "any_priority": asked.get("priority"),
        "all_tags": asked.get("tag"),
        "pattern": f"%{q}%" if q else None,
        "due_before": asked.get("due_before"),
        "due_after": asked.get("due_after"),
    }


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
