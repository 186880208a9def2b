"""The task endpoints: each one statement, and each statement held to the user of the token."""

from datetime import UTC, datetime
from typing import Any, TypeVar

from flask import g, request, url_for
from sqlalchemy import (
    Boolean,
    Delete,
    Executable,
    Result,
    Row,
    Select,
    Update,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)
from werkzeug.exceptions import NotFound

from todo_api import db
from todo_api.api import NO_SUCH_TASK, Blueprint
from todo_api.auth import require_user
from todo_api.models import MAX_ID, tasks
from todo_api.schemas import (
    STATUSES,
    Completion,
    Cursor,
    NewTask,
    Task,
    TaskChanges,
    TaskPage,
)

blp = Blueprint("tasks", __name__, url_prefix="/api/tasks", description="My tasks.")

Statement = TypeVar("Statement", Select[Any], Update, Delete)


def owned(statement: Statement) -> Statement:
    """Hold a statement to the rows of the token's user. Every task statement starts here."""
    return statement.where(tasks.c.user_id == bindparam("owner"))


def this(statement: Statement) -> Statement:
    """Hold a statement to one of the rows of the token's user."""
    return owned(statement).where(tasks.c.id == bindparam("task_id"))


# Built once; psycopg2 puts the values in, so PostgreSQL plans without what is constant.
COMPLETED = bindparam("is_completed", type_=Boolean)
PLACE = tuple_(tasks.c.created_at, tasks.c.id)
LIST = (
    owned(select(tasks))
    .where(or_(COMPLETED.is_(None), tasks.c.completed == COMPLETED))
    .where(PLACE < tuple_(bindparam("after_created_at"), bindparam("after_id")))
    .order_by(tasks.c.created_at.desc(), tasks.c.id.desc())
    .limit(bindparam("at_most"))
)
CREATE = insert(tasks).values(user_id=bindparam("owner")).returning(tasks)
GET = this(select(tasks))
# Not now(), the time the statement began: an update that waited for another is the later one.
UPDATE = this(update(tasks)).values(updated_at=func.clock_timestamp()).returning(tasks)
TOGGLE = UPDATE.values(completed=~tasks.c.completed)
DELETE = this(delete(tasks)).returning(tasks.c.id)

BEFORE_THE_NEWEST = (datetime.max.replace(tzinfo=UTC), MAX_ID)


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
    """List my tasks, newest first."""
    created_at, id_ = page.get("cursor", BEFORE_THE_NEWEST)
    limit = page["limit"]
    rows = execute(
        LIST,
        is_completed=STATUSES[page["status"]],
        after_created_at=created_at,
        after_id=id_,
        at_most=limit + 1,
    ).all()
    return list(rows[:limit]), next_page(rows[limit - 1]) if len(rows) > limit else {}


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
    row = execute(CREATE, **task).one()
    return row, {"Location": url_for(".get_task", task_id=row.id)}


@blp.route("/<task_id:task_id>")
@require_user
@blp.no_query
@blp.response(200, Task)
def get_task(task_id: int) -> Row[Any]:
    """Get one of my tasks."""
    return execute_on(task_id, GET)


@blp.route("/<task_id:task_id>", methods=["PATCH"])
@blp.route("/<task_id:task_id>", methods=["PUT"], endpoint="replace_task")
@require_user
@blp.no_query
@blp.arguments(TaskChanges)
@blp.response(200, Task)
def update_task(changes: dict[str, Any], task_id: int) -> Row[Any]:
    """Change the fields that are named; the others keep their values, with PUT as with PATCH."""
    return execute_on(task_id, UPDATE if changes else GET, **changes)


@blp.route("/<task_id:task_id>/complete", methods=["PATCH"])
@require_user
@blp.no_query
@blp.arguments(Completion, required=False)
@blp.response(200, Task)
def toggle_task_complete(completion: dict[str, Any] | None, task_id: int) -> Row[Any]:
    """Complete a task, or flip whether it is completed where no body says which."""
    return execute_on(task_id, UPDATE, **completion) if completion else execute_on(task_id, TOGGLE)


@blp.route("/<task_id:task_id>", methods=["DELETE"])
@require_user
@blp.no_query
@blp.response(204)
def delete_task(task_id: int) -> None:
    """Delete one of my tasks."""
    execute_on(task_id, DELETE)


def execute_on(task_id: int, statement: Executable, **values: Any) -> Row[Any]:
    """Execute a statement on one task and return its row; no row is no such task of this user."""
    row = execute(statement, task_id=task_id, **values).one_or_none()
    if row is None:
        raise NotFound(NO_SUCH_TASK)
    return row


def execute(statement: Executable, **values: Any) -> Result[Any]:
    return db.session().execute(statement, {"owner": g.user, **values})


def next_page(last: Row[Any]) -> dict[str, str]:
    """Return the header (RFC 8288) that leads to what comes after ``last`` in this list."""
    cursor = Cursor.encode(last.created_at, last.id)
    query: dict[str, Any] = {**request.args, "cursor": cursor}
    following = url_for(".list_tasks", **query)
    return {"Link": f'<{following}>; rel="next"'}
