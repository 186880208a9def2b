"""The task endpoints."""

from typing import Any

from flask import url_for
from sqlalchemy import CursorResult, Executable, Row
from werkzeug.exceptions import NotFound

from todo_api import db, queries
from todo_api.api import Blueprint
from todo_api.auth import require_user
from todo_api.context import g
from todo_api.errors import NO_TASK_MESSAGE
from todo_api.paging import FIRST_PAGE, next_page, read_rows
from todo_api.queries import filter_values
from todo_api.schemas import (
    CompletedTasks,
    Completion,
    Deleted,
    ManyChanges,
    NewTask,
    Task,
    TaskChanges,
    TaskFilters,
    TaskPage,
    TaskStats,
)

blp = Blueprint("tasks", __name__, url_prefix="/api/tasks", description="My tasks.")


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
    sort, limit, place = page["sort"], page["limit"], page.get("cursor", FIRST_PAGE)
    values = {"place": place.value, "place_id": place.id, "at_most": limit + 1}
    with execute(queries.PAGE_BY_SORT[sort], **filter_values(page), **values) as result:
        rows = read_rows(result)[:limit]
        return rows, next_page(sort, rows[-1]) if result.rowcount > len(rows) else {}


@blp.route("/stats")
@require_user
@blp.arguments(TaskFilters, location="query")
@blp.response(200, TaskStats)
def get_task_stats(query: dict[str, Any]) -> Row[Any]:
    """Count my tasks."""
    return execute(queries.STATS, **filter_values(query)).one()


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
    row = execute(queries.CREATE, **{"is_completed": False} | task).one()
    return row, {"Location": url_for(".get_task", task_id=row.id)}


@blp.route("", methods=["PATCH"])
@require_user
@blp.no_query
@blp.arguments(ManyChanges)
@blp.response(200, Task(many=True))
def update_tasks(body: dict[str, Any]) -> list[Row[Any]]:
    """Make the same changes to several of my tasks, and get those changed in the order of `ids`."""
    ids, changes = body["ids"], body["changes"]
    changed = execute(queries.CHANGE_MANY.for_changes(changes), ids=ids, **changes)
    rows = {row.id: row for row in changed}
    return [rows[id_] for id_ in dict.fromkeys(ids) if id_ in rows]


@blp.route("", methods=["DELETE"])
@require_user
@blp.arguments(CompletedTasks, location="query")
@blp.response(200, Deleted)
def delete_completed_tasks(_: dict[str, Any]) -> dict[str, int]:
    """Delete my completed tasks."""
    return {"deleted": execute(queries.DELETE_COMPLETED).rowcount}


@blp.route("/<task_id:task_id>")
@require_user
@blp.no_query
@blp.response(200, Task)
def get_task(task_id: int) -> Row[Any]:
    """Get one of my tasks."""
    return execute_on(task_id, queries.GET)


@blp.route("/<task_id:task_id>", methods=["PATCH"])
@blp.route("/<task_id:task_id>", methods=["PUT"], endpoint="replace_task")
@require_user
@blp.no_query
@blp.arguments(TaskChanges)
@blp.response(200, Task)
def update_task(changes: dict[str, Any], task_id: int) -> Row[Any]:
    """Change the fields that are named; the others keep their values, with PUT as with PATCH."""
    return execute_on(task_id, queries.CHANGE.for_changes(changes), **changes)


@blp.route("/<task_id:task_id>/complete", methods=["PATCH"])
@require_user
@blp.no_query
@blp.arguments(Completion, required=False)
@blp.response(200, Task)
def toggle_task_complete(completion: dict[str, Any] | None, task_id: int) -> Row[Any]:
    """Complete a task, or flip whether it is completed where no body says which."""
    if completion is None:
        return execute_on(task_id, queries.TOGGLE)
    return execute_on(task_id, queries.CHANGE.for_changes(completion), **completion)


@blp.route("/<task_id:task_id>", methods=["DELETE"])
@require_user
@blp.no_query
@blp.response(204)
def delete_task(task_id: int) -> None:
    """Delete one of my tasks."""
    execute_on(task_id, queries.DELETE)


def execute_on(task_id: int, statement: Executable, **values: Any) -> Row[Any]:
    """Execute a statement on one task and return its row; no row is no such task of this user."""
    row = execute(statement, task_id=task_id, **values).one_or_none()
    if row is None:
        raise NotFound(NO_TASK_MESSAGE)
    return row


def execute(statement: Executable, **values: Any) -> CursorResult[Any]:
    """Execute a statement for the user of the token."""
    return db.execute(statement, owner=g.user, **values)
