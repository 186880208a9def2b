"""The endpoints of one task, from its creation to the trash and back."""

from http import HTTPStatus
from typing import Any

from psycopg2.errors import UniqueViolation
from sqlalchemy import Executable, Row
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import Forbidden, NotFound, UnprocessableEntity

from todo_api import errors
from todo_api.accounts.queries import CREATE_ACCOUNT, GET_TASK_COUNT, RECOUNT
from todo_api.context import current_request, settings
from todo_api.database.engine import execute_for_user
from todo_api.http.auth import require_user
from todo_api.http.facts import fails_with, leads_to, named, response_header
from todo_api.http.preconditions import (
    ETAG,
    Versions,
    body_hash,
    explained,
    takes_conditions,
    takes_idempotency_key,
    takes_if_match,
    task_tag,
)
from todo_api.tasks import queries
from todo_api.tasks.blueprint import blp
from todo_api.tasks.examples import COMPLETED_TASK, MOVED_TASK, TASK
from todo_api.tasks.position import MOVE, placement_values
from todo_api.tasks.queries import changed_values, new_task_values, without_defaults
from todo_api.tasks.schemas import Completion, NewTask, Placement, Task, TaskChanges

TaggedTask = tuple[Row[Any], dict[str, str]]
LOCATION = response_header("Location", "The URL of the task, relative to that of the request.")
REPLAYED = response_header(
    "Idempotency-Replayed",
    "`true`: the key has created this task before.",
    {"type": "string", "enum": ["true"]},
)


@blp.route("", methods=["POST"])
@require_user
@blp.arguments(
    NewTask,
    examples=named(
        titleOnly={"title": "Buy milk"},
        moreFields={"title": "Buy milk", "due_date": "2026-12-24", "tags": ["home"]},
    ),
)
@blp.response(201, Task, headers=ETAG | LOCATION, examples=named(created=TASK))
@blp.alt_response(
    200, schema=Task, headers=ETAG | LOCATION | REPLAYED, examples=named(created=TASK)
)
@leads_to("getTask", 200, 201, task_id="$response.body#/id")
@fails_with(403)
@takes_idempotency_key
def create_task(task: dict[str, Any], key: str | None) -> tuple[Row[Any], int, dict[str, str]]:
    """Create a task

    Returns the task as stored. `Location` is its URL. With an `Idempotency-Key` it is safe to
    retry: a task that the key has created already is returned as it is now, with 200 and
    `Idempotency-Replayed: true`, also from the trash. A key is valid as long as its task exists.
    """
    values = new_task_values(task) | {"max_tasks": settings().max_tasks_per_user}
    sent_hash = body_hash(without_defaults(task)) if key else ""
    while True:
        row = create_once(key, sent_hash, values) if key else fetch(queries.CREATE, **values)
        if row is not None:
            return created(row)
        if key and (row := fetch(queries.GET_BY_KEY, key=key)) is not None:
            return replayed(row, sent_hash)
        check_quota()  # if it allows one more, the task of the key was purged meanwhile


@blp.route("/<task_id:task_id>")
@require_user
@blp.response(200, Task, headers=ETAG, examples=named(task=TASK))
@takes_conditions
def get_task(task_id: int) -> TaggedTask:
    """Get a task

    Returns the task if it is yours.
    """
    return tagged(found(fetch(queries.GET, task_id=task_id)))


@blp.route("/<task_id:task_id>", methods=["PUT"], endpoint="replace_task")
@blp.doc(summary="Change a task with PUT")  # but not of the route below
@blp.route("/<task_id:task_id>", methods=["PATCH"])
@require_user
@blp.arguments(TaskChanges, examples=named(newTitle={"title": "Buy milk"}))
@blp.response(200, Task, headers=ETAG, examples=named(changed=TASK))
@takes_if_match
def update_task(changes: dict[str, Any], task_id: int, versions: Versions) -> TaggedTask:
    """Change a task

    Changes the fields in the body. Absent fields keep their values, with PUT too. It is safe to
    retry.
    """
    return tagged(change_one(task_id, versions, changes))


@blp.route("/<task_id:task_id>/complete", methods=["PATCH"])
@require_user
@blp.arguments(Completion, required=False, examples=named(set={"completed": True}))
@blp.response(200, Task, headers=ETAG, examples=named(completed=COMPLETED_TASK))
@takes_if_match
def toggle_task_complete(
    completion: dict[str, Any] | None, task_id: int, versions: Versions
) -> TaggedTask:
    """Toggle completion

    Without a body the completion flips, so retry only with `If-Match`. With a body it is set, and a
    retry is safe.
    """
    if completion is None:
        return tagged(execute_on(task_id, versions, queries.TOGGLE))
    return tagged(change_one(task_id, versions, completion))


@blp.route("/<task_id:task_id>/position", methods=["PATCH"])
@require_user
@blp.arguments(Placement, examples=named(after={"after": 3}, toFirst={"to": "first"}))
@blp.response(200, Task, headers=ETAG, examples=named(moved=MOVED_TASK))
@takes_if_match
def move_task(placement: dict[str, Any], task_id: int, versions: Versions) -> TaggedTask:
    """Move a task

    Places the task in the order by hand: right after or before another of your tasks, or first or
    last. List that order with `sort=position`. `updated_at` stays. It is safe to retry.
    """
    values = placement_values(placement)
    neighbour = values["neighbour_id"]
    move = {"task_id": task_id, "versions": versions, **values}
    if (row := fetch(MOVE, **move)) is None:
        change_one(task_id, versions, {})  # or a 404 or 412
        if neighbour and (neighbour == task_id or not fetch(queries.GET, task_id=neighbour)):
            messages = {name: [errors.NO_NEIGHBOUR_MESSAGE] for name in placement}
            raise errors.InvalidInput("body", messages)
        execute_for_user(CREATE_ACCOUNT)  # tasks from before migration 0005 may have none
        row = fetch(MOVE, **move)
    return tagged(found(row))


@blp.route("/<task_id:task_id>", methods=["DELETE"])
@require_user
@blp.response(204)
@takes_if_match
def delete_task(task_id: int, versions: Versions) -> None:
    """Delete a task

    Moves the task to the trash and returns 204. Later requests for this task return 404. List the
    trash with `status=deleted`.
    """
    execute_on(task_id, versions, queries.DELETE)


@blp.route("/<task_id:task_id>/restore", methods=["POST"])
@require_user
@blp.response(200, Task, headers=ETAG, examples=named(restored=TASK))
@takes_if_match
def restore_task(task_id: int, versions: Versions) -> TaggedTask:
    """Restore a task

    Brings a task back from the trash. A task that is not in the trash is returned as it is, so it
    is safe to retry.
    """
    while True:
        row = fetch(queries.RESTORE, task_id=task_id, versions=versions)
        if row is None:
            row = found(fetch(queries.GET_ANYWHERE, task_id=task_id))
            check_version(row, versions)
        if row.deleted_at is None:  # otherwise it was deleted between the two statements
            return tagged(row)


def create_once(key: str, sent_hash: str, values: dict[str, Any]) -> Row[Any] | None:
    """Create a task with a key. Return None if there is one already, or no room for one."""
    try:
        return fetch(queries.CREATE_ONCE, **values, key=key, body_hash=sent_hash)
    except IntegrityError as error:
        if isinstance(error.orig, UniqueViolation):
            return None
        raise


def check_quota() -> None:
    """Raise 403 if the user has as many tasks as allowed. Count them if nobody has."""
    count = execute_for_user(GET_TASK_COUNT).scalar_one_or_none()
    most = settings().max_tasks_per_user
    if count is None:
        execute_for_user(RECOUNT)
    elif count >= most:
        raise Forbidden(errors.QUOTA_MESSAGE.format(most))


def change_one(task_id: int, versions: Versions, changes: dict[str, Any]) -> Row[Any]:
    statement = queries.CHANGE.for_changes(changes)
    return execute_on(task_id, versions, statement, **changed_values(changes))


def execute_on(task_id: int, versions: Versions, statement: Executable, **values: Any) -> Row[Any]:
    """Execute a write on one task and return its row.

    Raises 404 if there is no such task, and 412 if ``versions`` do not have its version.
    """
    write = {"task_id": task_id, "versions": versions, **values}
    while (row := fetch(statement, **write)) is None and versions is not None:
        # The write itself cannot return the task: it sees the tasks as they were when it began.
        check_version(found(fetch(queries.GET, task_id=task_id)), versions)
    return found(row)


def check_version(row: Row[Any], versions: Versions) -> None:
    """Raise 412, with the task as it is now, if ``versions`` do not have its version."""
    if versions is not None and row.version not in versions:
        raise errors.StaleTask(explained(errors.STALE_MESSAGE), Task().dump(row))


def fetch(statement: Executable, **values: Any) -> Row[Any] | None:
    return execute_for_user(statement, **values).one_or_none()


def found(row: Row[Any] | None) -> Row[Any]:
    if row is None:
        raise NotFound(errors.NO_TASK_MESSAGE)
    return row


def tagged(row: Row[Any]) -> TaggedTask:
    return row, {"ETag": task_tag(row)}


def created(row: Row[Any]) -> tuple[Row[Any], int, dict[str, str]]:
    location = f"{current_request().path.rpartition('/')[2]}/{row.id}"  # relative to the request
    return row, HTTPStatus.CREATED, {"ETag": task_tag(row), "Location": location}


def replayed(row: Row[Any], sent_hash: str) -> tuple[Row[Any], int, dict[str, str]]:
    """Return the task that a key has created. Raise 422 if that was from another body."""
    if row.idempotency_hash != sent_hash:
        raise UnprocessableEntity(errors.REUSED_KEY_MESSAGE)
    _, _, headers = created(row)
    return row, HTTPStatus.OK, headers | {"Idempotency-Replayed": "true"}
