"""SQL for the task endpoints: one message each, filtered by the token's user, built at import.

Each write first takes the next version of the user's account. That locks the row of the account
until the commit, so the writes of one user follow each other, and no two of them can deadlock. The
rest of the statement sees the tasks as they were when it began. An UPDATE rechecks the rows that
changed while it waited, but it does not find rows that match only since then. Where that matters, a
message locks the account in a statement of its own first.

A bind name that equals a column's name is reserved by SQLAlchemy in an INSERT or UPDATE. So the new
value of `completed` is bound as `is_completed`.
"""

import re
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert

from todo_api.accounts.queries import (
    GET_ACCOUNT,
    IS_OWN,
    LOCK_ACCOUNT,
    OWNER,
    in_one_message,
    new_version,
    note_removal,
    version_of_new_task,
    with_account,
)
from todo_api.database.models import PUBLIC, tasks
from todo_api.limits import IN_TRASH, MAX_AT_ONCE, STATUSES
from todo_api.tasks.paging import SORTS, page_of
from todo_api.tasks.schemas import NewTask

Statement = TypeVar("Statement", sa.Select[Any], sa.Update, sa.Delete)
Expression = sa.ColumnElement[Any]


def owned_by_user(statement: Statement) -> Statement:
    """Restrict a statement to the rows of the token's user. Every task statement starts here."""
    return statement.where(tasks.c.user_id == OWNER)


OWN_TASKS = owned_by_user(sa.select(*PUBLIC))
OWN_TASK_IDS = owned_by_user(sa.select(tasks.c.id))

# psycopg2 inserts the values, so PostgreSQL plans without the conditions that are null.
COMPLETED = sa.bindparam("is_completed", type_=sa.Boolean)
TRASHED = sa.bindparam("is_deleted", type_=sa.Boolean)
PRIORITY = sa.bindparam("any_priority", type_=ARRAY(sa.Text))
TAGS = sa.bindparam("all_tags", type_=ARRAY(sa.Text))
PATTERN = sa.bindparam("pattern", type_=sa.Text)
DUE_BEFORE = sa.bindparam("due_before", type_=sa.Date)
DUE_AFTER = sa.bindparam("due_after", type_=sa.Date)


def matching(statement: sa.Select[Any]) -> sa.Select[Any]:
    """Restrict a statement to the user's tasks that match every filter that is not null."""
    return owned_by_user(statement).where(
        tasks.c.deleted_at.is_not(None) == TRASHED,
        sa.or_(COMPLETED.is_(None), tasks.c.completed == COMPLETED),
        sa.or_(PRIORITY.is_(None), tasks.c.priority == sa.any_(PRIORITY)),
        sa.or_(TAGS.is_(None), tasks.c.tags.contains(TAGS)),
        sa.or_(PATTERN.is_(None), contains(tasks.c.title), contains(tasks.c.description)),
        sa.or_(DUE_BEFORE.is_(None), tasks.c.due_date <= DUE_BEFORE),
        sa.or_(DUE_AFTER.is_(None), tasks.c.due_date >= DUE_AFTER),
    )


def contains(column: Expression) -> Expression:
    """Match the pattern in any case. Unlike ILIKE, this lowers the pattern once, not per row."""
    return sa.func.lower(column).like(sa.func.lower(PATTERN))


def filter_values(query: dict[str, Any]) -> dict[str, Any]:
    """Return the values of the filters; null where a filter was not given."""
    q = re.sub(r"([\\%_])", r"\\\1", query.get("q", ""))
    return {
        "is_completed": STATUSES[query["status"]],
        "is_deleted": query["status"] == IN_TRASH,
        "any_priority": query.get("priority"),
        "all_tags": query.get("tag"),
        "pattern": f"%{q}%" if q else None,
        "due_before": query.get("due_before"),
        "due_after": query.get("due_after"),
    }


# Not now(): an update that waited for a lock must get the later time.
NOW = sa.func.clock_timestamp()


def change(condition: Expression, completed: Expression | None = None) -> sa.Update:
    """Change the matching tasks and return them. ``completed`` is the new value, if it changes."""
    statement = with_new_version(condition).values(updated_at=NOW).returning(*PUBLIC)
    if completed is not None:
        first = sa.case((tasks.c.completed, tasks.c.completed_at), else_=NOW)
        statement = statement.values(completed=completed, completed_at=sa.case((completed, first)))
    return statement


def with_new_version(condition: Expression) -> sa.Update:
    """Give the matching tasks a new version."""
    version = new_version(OWN_TASK_IDS.where(condition).exists())
    statement = owned_by_user(sa.update(tasks)).where(
        condition, tasks.c.user_id == version.c.user_id
    )
    return statement.values(version=version.c.version)


NEW_TASK = NewTask().fields
NEW_VALUES: dict[str, sa.BindParameter[Any]] = {
    name: sa.bindparam(f"new_{name}", type_=tasks.c[name].type) for name in NEW_TASK
} | {"completed": COMPLETED}
"""What CREATE inserts into each column that a body may set."""


def new_task_values(task: dict[str, Any]) -> dict[str, Any]:
    """Return the values of CREATE for a valid body."""
    return {NEW_VALUES[name].key: task[name] for name in NEW_VALUES}


def without_defaults(task: dict[str, Any]) -> dict[str, Any]:
    """Return the values of CREATE for the fields of a valid body that differ from their defaults.

    So a retry has the same values after a deploy that adds a field.
    """
    return {
        bind.key: task[name]
        for name, bind in NEW_VALUES.items()
        if task[name] != NEW_TASK[name].load_default
    }


def changed_values(changes: dict[str, Any]) -> dict[str, Any]:
    """Return the values of an UPDATE for the changes of a valid body."""
    return {"is_completed" if name == "completed" else name: changes[name] for name in changes}


class UpdateStatements(NamedTuple):
    """The statements that change tasks and return them. `for_changes` chooses one."""

    unchanged: sa.Select[Any]
    without_completed: sa.Update
    with_completed: sa.Update

    def for_changes(self, changes: dict[str, Any]) -> sa.Select[Any] | sa.Update:
        if "completed" in changes:
            return self.with_completed
        return self.without_completed if changes else self.unchanged


def create(condition: Expression, **key: Expression) -> Insert:
    """Insert a task, if the condition is true and the quota allows."""
    version = version_of_new_task(condition)
    values: dict[str, Any] = {
        "user_id": OWNER,
        "completed_at": sa.case((COMPLETED, sa.func.now())),
        "version": version.c.version,
        **NEW_VALUES,
        **key,
    }
    row = sa.select(*values.values()).select_from(version)
    return insert(tasks).from_select(list(values), row)


MATCHING = matching(sa.select(*PUBLIC))
PAGE_BY_SORT = {sort: with_account(page_of(MATCHING, sort), GET_ACCOUNT) for sort in SORTS}
LIVE = tasks.c.deleted_at.is_(None)
TASK_ID = sa.bindparam("task_id", type_=sa.BigInteger)
ID_IS = tasks.c.id == TASK_ID
ONE = sa.and_(ID_IS, LIVE)
VERSIONS = sa.bindparam("versions", type_=ARRAY(sa.BigInteger))
EXPECTED_VERSION = sa.or_(VERSIONS.is_(None), tasks.c.version == sa.any_(VERSIONS))
EXPECTED = sa.and_(ONE, EXPECTED_VERSION)
GET = OWN_TASKS.where(ONE)
CHANGE = UpdateStatements(OWN_TASKS.where(EXPECTED), change(EXPECTED), change(EXPECTED, COMPLETED))
TOGGLE = change(EXPECTED, sa.not_(tasks.c.completed))
DELETE = with_new_version(EXPECTED).values(deleted_at=NOW).returning(tasks.c.id)
IN_TRASH_AS_EXPECTED = sa.and_(ID_IS, sa.not_(LIVE), EXPECTED_VERSION)
RESTORE = with_new_version(IN_TRASH_AS_EXPECTED).values(deleted_at=None).returning(*PUBLIC)
GET_ANYWHERE = OWN_TASKS.where(ID_IS)
ID_IN = tasks.c.id == sa.any_(sa.bindparam("ids", type_=ARRAY(sa.BigInteger)))
MANY = sa.and_(ID_IN, LIVE)
CHANGE_MANY = UpdateStatements(OWN_TASKS.where(MANY), change(MANY), change(MANY, COMPLETED))


def trash_or_restore(condition: Expression, deleted_at: Expression) -> sa.TextClause:
    """Change the tasks among the ids that do not meet a condition yet. Return all that do.

    With the lock first, what another request moves meanwhile is found too.
    """
    return in_one_message(
        LOCK_ACCOUNT,
        with_new_version(sa.and_(ID_IN, sa.not_(condition))).values(deleted_at=deleted_at),
        OWN_TASK_IDS.where(ID_IN, condition),
    )


TRASH_MANY = trash_or_restore(sa.not_(LIVE), NOW)
RESTORE_MANY = trash_or_restore(LIVE, sa.null())


def newest_ids(condition: Expression) -> sa.Select[Any]:
    """Select the ids of the newest tasks that one request deletes, and one more."""
    return OWN_TASK_IDS.where(condition).order_by(tasks.c.id.desc()).limit(MAX_AT_ONCE + 1)


def erase_from_trash() -> sa.TextClause:
    """Remove the tasks among the ids that are in the trash for good, and return their ids.

    A client that has not seen their deletion must start again, as after a purge.
    """
    erased = (
        owned_by_user(sa.delete(tasks))
        .where(ID_IN, sa.not_(LIVE))
        .returning(tasks.c.user_id, tasks.c.id, tasks.c.version)
        .cte("erased")
    )
    marked = note_removal(erased).where(IS_OWN).cte("marked")
    # Tasks from before migration 0005 may have no account to lock: two requests then lock the
    # tasks in the same order.
    in_order = OWN_TASK_IDS.where(ID_IN).order_by(tasks.c.id)
    return in_one_message(
        LOCK_ACCOUNT, in_order.with_for_update(), sa.select(erased.c.id).add_cte(marked)
    )


IS_DONE = sa.and_(tasks.c.completed, LIVE)
DELETE_BY_STATUS: dict[str, tuple[sa.Executable, sa.Executable]] = {
    "completed": (
        newest_ids(IS_DONE),
        with_new_version(sa.and_(ID_IN, IS_DONE)).values(deleted_at=NOW).returning(tasks.c.id),
    ),
    IN_TRASH: (newest_ids(sa.not_(LIVE)), erase_from_trash()),
}
"""By the status of the tasks to delete: how to find some, and how to delete these."""
CREATE = create(sa.true()).returning(*PUBLIC)
KEY_IS = tasks.c.idempotency_key == sa.bindparam("key")
GET_BY_KEY = owned_by_user(sa.select(*PUBLIC, tasks.c.idempotency_hash)).where(KEY_IS)
# Not ON CONFLICT DO NOTHING: the error of a key that came meanwhile takes the count back.
CREATE_ONCE = create(
    sa.not_(OWN_TASK_IDS.where(KEY_IS).exists()),
    idempotency_key=sa.bindparam("key", type_=sa.Text),
    idempotency_hash=sa.bindparam("body_hash", type_=sa.Text),
).returning(*PUBLIC)
