"""SQL for the task endpoints: one statement each, filtered by the token's user, built at import.

A bind name that equals a column's name is reserved by SQLAlchemy in an INSERT or UPDATE. So the new
value of `completed` is bound as `is_completed`.
"""

import re
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    Delete,
    Select,
    Text,
    Update,
    any_,
    bindparam,
    case,
    delete,
    desc,
    func,
    insert,
    literal_column,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from todo_api.limits import MAX_COUNTED_TAGS, PRIORITIES, STATUSES
from todo_api.models import tasks
from todo_api.paging import SORTS, page_of

Statement = TypeVar("Statement", Select[Any], Update, Delete)
Expression = ColumnElement[Any]


def owned_by_user(statement: Statement) -> Statement:
    """Restrict a statement to the rows of the token's user. Every task statement starts here."""
    return statement.where(tasks.c.user_id == bindparam("owner"))


# psycopg2 inserts the values, so PostgreSQL plans without the conditions that are null.
COMPLETED = bindparam("is_completed", type_=Boolean)
PRIORITY = bindparam("any_priority", type_=ARRAY(Text))
TAGS = bindparam("all_tags", type_=ARRAY(Text))
PATTERN = bindparam("pattern", type_=Text)
DUE_BEFORE = bindparam("due_before", type_=Date)
DUE_AFTER = bindparam("due_after", type_=Date)


def matching(statement: Select[Any]) -> Select[Any]:
    """Restrict a statement to the user's tasks that match every filter that is not null."""
    return owned_by_user(statement).where(
        or_(COMPLETED.is_(None), tasks.c.completed == COMPLETED),
        or_(PRIORITY.is_(None), tasks.c.priority == any_(PRIORITY)),
        or_(TAGS.is_(None), tasks.c.tags.contains(TAGS)),
        or_(PATTERN.is_(None), tasks.c.title.ilike(PATTERN), tasks.c.description.ilike(PATTERN)),
        or_(DUE_BEFORE.is_(None), tasks.c.due_date <= DUE_BEFORE),
        or_(DUE_AFTER.is_(None), tasks.c.due_date >= DUE_AFTER),
    )


def filter_values(query: dict[str, Any]) -> dict[str, Any]:
    """Return the values of the filters; null where a filter was not given."""
    q = re.sub(r"([\\%_])", r"\\\1", query.get("q", ""))
    return {
        "is_completed": STATUSES[query["status"]],
        "any_priority": query.get("priority"),
        "all_tags": query.get("tag"),
        "pattern": f"%{q}%" if q else None,
        "due_before": query.get("due_before"),
        "due_after": query.get("due_after"),
    }


def locked_in_id_order(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Lock the matching rows in id order, so that concurrent bulk writes cannot deadlock."""
    ids = owned_by_user(select(tasks.c.id)).where(condition).order_by(tasks.c.id)
    return tasks.c.id.in_(ids.with_for_update())


def change(condition: ColumnElement[bool], completed: Expression | None = None) -> Update:
    """Change the matching tasks and return them. ``completed`` is the new value, if it changes."""
    # clock_timestamp(), not now(): an update that waited for a lock must get the later time.
    statement = (
        owned_by_user(update(tasks)).where(condition).values(updated_at=func.clock_timestamp())
    )
    if completed is not None:
        first = case((tasks.c.completed, tasks.c.completed_at), else_=func.clock_timestamp())
        statement = statement.values(completed=completed, completed_at=case((completed, first)))
    return statement.returning(tasks)


class UpdateStatements(NamedTuple):
    """The statements that change tasks and return them. `for_changes` chooses one."""

    unchanged: Select[Any]
    without_completed: Update
    with_completed: Update

    def for_changes(self, changes: dict[str, Any]) -> Select[Any] | Update:
        if "is_completed" in changes:
            return self.with_completed
        return self.without_completed if changes else self.unchanged


def count_tasks() -> Select[Any]:
    """Count the matching tasks, by completion, priority and tag."""
    mine = matching(select(tasks.c.completed, tasks.c.priority, tasks.c.tags)).cte("mine")
    used = select(func.unnest(mine.c.tags).label("tag")).subquery()
    tags = select(used.c.tag, func.count().label("uses")).group_by(used.c.tag)
    most = tags.order_by(desc("uses"), used.c.tag).limit(MAX_COUNTED_TAGS).subquery()
    uses = aggregate_order_by(most.c.uses, most.c.uses.desc(), most.c.tag)
    by_priority = (
        item
        for priority in PRIORITIES
        for item in (priority, func.count().filter(mine.c.priority == priority))
    )
    return select(
        func.count().label("total"),
        func.count().filter(not_(mine.c.completed)).label("active"),
        func.count().filter(mine.c.completed).label("completed"),
        func.json_build_object(*by_priority).label("by_priority"),
        select(func.coalesce(func.json_object_agg(most.c.tag, uses), literal_column("'{}'")))
        .scalar_subquery()
        .label("by_tag"),
    ).select_from(mine)


PAGE_BY_SORT = {sort: page_of(matching(select(tasks)), sort) for sort in SORTS}
STATS = count_tasks()
CREATE = (
    insert(tasks)
    .values(user_id=bindparam("owner"))
    .values(completed=COMPLETED, completed_at=case((COMPLETED, func.now())))
    .returning(tasks)
)
ID_IS = tasks.c.id == bindparam("task_id")
GET = owned_by_user(select(tasks)).where(ID_IS)
CHANGE = UpdateStatements(GET, change(ID_IS), change(ID_IS, COMPLETED))
TOGGLE = change(ID_IS, not_(tasks.c.completed))
DELETE = owned_by_user(delete(tasks)).where(ID_IS).returning(tasks.c.id)
ID_IN = tasks.c.id == any_(bindparam("ids", type_=ARRAY(BigInteger)))
CHANGE_MANY = UpdateStatements(
    owned_by_user(select(tasks)).where(ID_IN),
    change(locked_in_id_order(ID_IN)),
    change(locked_in_id_order(ID_IN), COMPLETED),
)
DELETE_COMPLETED = owned_by_user(delete(tasks)).where(locked_in_id_order(tasks.c.completed))
