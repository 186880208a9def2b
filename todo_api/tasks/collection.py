"""The endpoints of a user's tasks: list, count, sync, and change many."""

from operator import itemgetter
from typing import Any

from flask import Response
from sqlalchemy import Executable, Row

from todo_api.accounts.queries import CREATE_ACCOUNT, GET_ACCOUNT, task_rows
from todo_api.context import current_request
from todo_api.database.engine import execute_for_user
from todo_api.http.auth import require_user
from todo_api.http.facts import fails_with, leads_to, named, response_header
from todo_api.http.preconditions import ETAG, is_current, list_tag, not_modified, takes_conditions
from todo_api.limits import MAX_AT_ONCE
from todo_api.tasks import counts, queries, sync
from todo_api.tasks.blueprint import blp
from todo_api.tasks.examples import COMPLETED_TASK, DELETED, MOVED, STATS, SYNC, TAGS, TASK
from todo_api.tasks.paging import TagCursor, link_to, next_page, page_values, read_page
from todo_api.tasks.parameters import ChangesPage, TagPage, TaskFilters, TaskPage, TasksToDelete
from todo_api.tasks.queries import changed_values, filter_values
from todo_api.tasks.responses import Deleted, MovedTasks, TagCount, TaskStats, TaskSync
from todo_api.tasks.schemas import COLUMNS, ManyChanges, ManyTasks, Task

FIELDS = list(Task().fields)
TAG_FIELDS = list(TagCount().fields)
# By index: each attribute read of a Row costs a microsecond.
ID_AND_TIME = itemgetter(COLUMNS.index("id"), COLUMNS.index("updated_at"))
LINK = response_header("Link", 'The next page, as `<...>; rel="next"`. Absent on the last page.')
SYNC_TOKEN = response_header(
    "Sync-Token",
    "What changes after this list is in `/api/tasks/changes?since=` this token. Only on the first "
    "page. Absent if you never created a task, or were erased: then send no `since`.",
    example=SYNC["next"],
)


@blp.route("")
@require_user
@blp.arguments(TaskPage, location="query")
@blp.response(
    200, Task(many=True), headers=ETAG | LINK | SYNC_TOKEN, examples=named(onePage=[TASK])
)
@leads_to("getTaskChanges", 200, since="$response.header.Sync-Token")
@takes_conditions
def list_tasks(page: dict[str, Any]) -> Response | tuple[list[Row[Any]], dict[str, str]]:
    """List tasks

    Newest first unless `sort` says otherwise. If there is another page, the response has a `Link`
    header with `rel="next"`: follow it until there is none. A page may end before `limit` if its
    descriptions are very long. To keep the list up to date, sync from its `Sync-Token`.
    """
    if unchanged := unchanged_list(FIELDS):
        return unchanged
    database = sync.known_database()
    sort, values = page["sort"], filter_values(page) | page_values(page)
    with execute_for_user(queries.PAGE_BY_SORT[sort], **values) as result:
        rows, has_more = read_page(result, page["limit"])
    tag = list_tag(FIELDS, rows[0], map(ID_AND_TIME, rows))
    link = next_page(sort, rows[-1]) if has_more else {}
    token = {} if "cursor" in page else sync.first_token(rows[0], database)
    return task_rows(rows), {"ETag": tag} | link | token


def unchanged_list(fields: list[str]) -> Response | None:
    """Return a 304 if the account has the version of the tag in `If-None-Match`."""
    if "If-None-Match" in current_request().headers:
        account = execute_for_user(GET_ACCOUNT).one_or_none()
        if account and is_current(tag := list_tag(fields, account)):
            return not_modified(tag)
    return None


@blp.route("/tags")
@require_user
@blp.arguments(TagPage, location="query")
@blp.response(200, TagCount(many=True), headers=ETAG | LINK, examples=named(onePage=TAGS))
@takes_conditions
def list_tags(page: dict[str, Any]) -> Response | tuple[list[Any], dict[str, str]]:
    """List tags

    The tags of all tasks outside the trash, the most used first, then by name. If there is another
    page, the response has a `Link` header with `rel="next"`.
    """
    if unchanged := unchanged_list(TAG_FIELDS):
        return unchanged
    values, limit = page_values(page), page["limit"]
    rows = execute_for_user(counts.TAGS_PAGE, prefix=page["q"], **values).all()
    tags = [row._mapping for row in rows[:limit] if row.tag is not None]
    headers = {"ETag": list_tag(TAG_FIELDS, rows[0], map(tuple, rows))}
    if len(rows) > limit:
        last = tags[-1]
        headers |= link_to(TagCursor.encode("", last["tag"], -last["count"]))
    return tags, headers


@blp.route("/stats")
@require_user
@blp.arguments(TaskFilters, location="query")
@blp.response(200, TaskStats, examples=named(counts=STATS))
def get_task_stats(query: dict[str, Any]) -> Row[Any]:
    """Count tasks

    Counts the tasks that match the filters, by completion, priority and tag.
    """
    return execute_for_user(counts.STATS, **filter_values(query)).one()


@blp.route("/changes")
@require_user
@blp.arguments(ChangesPage, location="query")
@blp.response(200, TaskSync, examples=named(oneChangeAndOneDeletion=SYNC))
@leads_to("getTaskChanges", 200, since="$response.body#/next")
@fails_with(410)
def get_task_changes(query: dict[str, Any]) -> dict[str, Any]:
    """Get what has changed

    Returns each task that was created, changed, restored or deleted after the response that `since`
    comes from, in its latest state. Without `since` that is all tasks. While `has_more` is true,
    ask again at once. After a 410 forget everything, and start again without `since`.
    """
    since, limit = query.get("since", sync.NOTHING_SEEN), query["limit"]
    is_first = since is sync.NOTHING_SEEN
    rows, has_more = read_changes(since, limit)
    while is_first and rows[0].account_epoch is None:  # it may be erased meanwhile
        execute_for_user(CREATE_ACCOUNT)
        rows, has_more = read_changes(since, limit)
    sync.remember_database(rows[0])
    if not is_first:
        sync.check_seen(since, rows[0])
    changed = task_rows(rows)
    return {
        "tasks": Task().dump([row for row in changed if row.deleted_at is None], many=True),
        "deleted": [row.id for row in changed if row.deleted_at is not None],
        "next": sync.next_token(rows[0], rows[-1] if has_more else None),
        "has_more": has_more,
    }


def read_changes(since: sync.SyncPosition, limit: int) -> tuple[list[Row[Any]], bool]:
    seen = {"seen_version": since.version, "seen_id": since.id}
    with execute_for_user(sync.CHANGES, **seen, row_limit=limit + 1) as result:
        return read_page(result, limit)


@blp.route("", methods=["PATCH"])
@require_user
@blp.arguments(
    ManyChanges, examples=named(completeTwo={"ids": [3, 1], "changes": {"completed": True}})
)
@blp.response(200, Task(many=True), examples=named(changed=[COMPLETED_TASK]))
def update_tasks(body: dict[str, Any]) -> list[Row[Any]]:
    """Change several tasks

    Makes the same changes to all of them in one statement, and returns the changed tasks in the
    order of `ids`. Ids that you do not own are skipped. It is safe to retry.
    """
    ids, changes = body["ids"], body["changes"]
    statement = queries.CHANGE_MANY.for_changes(changes)
    changed = execute_for_user(statement, ids=ids, **changed_values(changes))
    rows = {row.id: row for row in changed}
    return [rows[id_] for id_ in dict.fromkeys(ids) if id_ in rows]


@blp.route("/trash", methods=["POST"])
@require_user
@blp.arguments(ManyTasks, examples=named(moveTwo=MOVED))
@blp.response(200, MovedTasks, examples=named(moved=MOVED))
def trash_tasks(body: dict[str, Any]) -> dict[str, Any]:
    """Move several tasks to the trash

    Returns the ids of those that are now in the trash. It is safe to retry.
    """
    return trash_or_restore(body["ids"], queries.TRASH_MANY)


@blp.route("/restore", methods=["POST"])
@require_user
@blp.arguments(ManyTasks, examples=named(restoreTwo=MOVED))
@blp.response(200, MovedTasks, examples=named(restored=MOVED))
def restore_tasks(body: dict[str, Any]) -> dict[str, Any]:
    """Restore several tasks

    Brings tasks back from the trash. Returns the ids of those that are now outside it. It is safe
    to retry.
    """
    return trash_or_restore(body["ids"], queries.RESTORE_MANY)


def trash_or_restore(ids: list[int], statement: Executable) -> dict[str, Any]:
    moved = set(execute_for_user(statement, ids=ids).scalars())
    return {"ids": [id_ for id_ in dict.fromkeys(ids) if id_ in moved]}


@blp.route("", methods=["DELETE"])
@require_user
@blp.arguments(TasksToDelete, location="query")
@blp.response(200, Deleted, examples=named(deleted=DELETED))
def delete_tasks(query: dict[str, Any]) -> dict[str, Any]:
    """Delete the completed tasks, or empty the trash

    `status=completed` moves the newest 1,000 completed tasks to the trash. `status=deleted` erases
    the newest 1,000 of the trash for good. While `has_more` is true, send the request again.
    """
    find, delete = queries.DELETE_BY_STATUS[query["status"]]
    # Found without the lock of the account: that may read all tasks of the user.
    found = execute_for_user(find).scalars().all()
    ids = execute_for_user(delete, ids=found[:MAX_AT_ONCE]).scalars().all()
    has_more = len(found) > MAX_AT_ONCE
    return {"deleted": len(ids), "ids": sorted(ids, reverse=True), "has_more": has_more}
