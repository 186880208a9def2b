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

blp = Blueprint(
    "Tasks", __name__, url_prefix="/api/tasks", description="The tasks of the user in the token."
)


@blp.route("")
@require_user
@blp.arguments(TaskPage, location="query")
@blp.response(
    200,
    Task(many=True),
    headers={
        "Link": {
            "description": 'The next page, as `<...>; rel="next"`. Absent on the last page.',
            "schema": {"type": "string"},
        }
    },
)
def list_tasks(page: dict[str, Any]) -> tuple[list[Row[Any]], dict[str, str]]:
    """List tasks

    Newest first unless `sort` says otherwise. If there is another page, the response has a `Link`
    header with `rel="next"`: follow it until there is none. A page may end before `limit` if its
    descriptions are very long.
    """
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
    """Count tasks

    Counts the tasks that match the filters, by completion, priority and tag.
    """
    return execute(queries.STATS, **filter_values(query)).one()


@blp.route("", methods=["POST"])
@require_user
@blp.no_query
@blp.arguments(NewTask)
@blp.response(
    201,
    Task,
    headers={"Location": {"description": "The path of the task.", "schema": {"type": "string"}}},
)
def create_task(task: dict[str, Any]) -> tuple[Row[Any], dict[str, str]]:
    """Create a task

    Returns the task as stored. `Location` is its path.
    """
    row = execute(queries.CREATE, **{"is_completed": False} | task).one()
    return row, {"Location": url_for(".get_task", task_id=row.id)}


@blp.route("", methods=["PATCH"])
@require_user
@blp.no_query
@blp.arguments(ManyChanges)
@blp.response(200, Task(many=True))
def update_tasks(body: dict[str, Any]) -> list[Row[Any]]:
    """Change several tasks

    Makes the same changes to all of them in one statement, and returns the changed tasks in the
    order of `ids`. Ids that you do not own are skipped. It is safe to retry.
    """
    ids, changes = body["ids"], body["changes"]
    changed = execute(queries.CHANGE_MANY.for_changes(changes), ids=ids, **changes)
    rows = {row.id: row for row in changed}
    return [rows[id_] for id_ in dict.fromkeys(ids) if id_ in rows]


@blp.route("", methods=["DELETE"])
@require_user
@blp.arguments(CompletedTasks, location="query")
@blp.response(200, Deleted)
def delete_completed_tasks(_: dict[str, Any]) -> dict[str, int]:
    """Delete completed tasks

    Without `status=completed` nothing is deleted.
    """
    return {"deleted": execute(queries.DELETE_COMPLETED).rowcount}


@blp.route("/<task_id:task_id>")
@require_user
@blp.no_query
@blp.response(200, Task)
def get_task(task_id: int) -> Row[Any]:
    """Get a task

    Returns the task if it is yours.
    """
    return execute_on(task_id, queries.GET)


@blp.route("/<task_id:task_id>", methods=["PATCH"])
@blp.route("/<task_id:task_id>", methods=["PUT"], endpoint="replace_task")
@require_user
@blp.no_query
@blp.arguments(TaskChanges)
@blp.response(200, Task)
def update_task(changes: dict[str, Any], task_id: int) -> Row[Any]:
    """Change a task

    Changes the fields in the body. Absent fields keep their values, with PUT too. It is safe to
    retry.
    """
    return execute_on(task_id, queries.CHANGE.for_changes(changes), **changes)


@blp.route("/<task_id:task_id>/complete", methods=["PATCH"])
@require_user
@blp.no_query
@blp.arguments(Completion, required=False)
@blp.response(200, Task)
def toggle_task_complete(completion: dict[str, Any] | None, task_id: int) -> Row[Any]:
    """Toggle completion

    Without a body the completion flips, so do not retry blindly. With a body it is set, and a
    retry is safe.
    """
    if completion is None:
        return execute_on(task_id, queries.TOGGLE)
    return execute_on(task_id, queries.CHANGE.for_changes(completion), **completion)


@blp.route("/<task_id:task_id>", methods=["DELETE"])
@require_user
@blp.no_query
@blp.response(204)
def delete_task(task_id: int) -> None:
    """Delete a task

    Returns 204. Later requests for this task return 404.
    """
    execute_on(task_id, queries.DELETE)


def execute_on(task_id: int, statement: Executable, **values: Any) -> Row[Any]:
    """Execute a statement on one task and return its row. Raise 404 if there is none."""
    row = execute(statement, task_id=task_id, **values).one_or_none()
    if row is None:
        raise NotFound(NO_TASK_MESSAGE)
    return row


def execute(statement: Executable, **values: Any) -> CursorResult[Any]:
    """Execute a statement for the user of the token."""
    return db.execute(statement, owner=g.user, **values)
