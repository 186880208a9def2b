"""SQL that counts tasks by completion, priority and tag."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by

from todo_api.accounts.queries import GET_ACCOUNT, with_account
from todo_api.database.models import tasks
from todo_api.limits import MAX_COUNTED_TAGS, PRIORITIES
from todo_api.tasks.paging import POSITION_ID, POSITION_VALUE, ROW_LIMIT
from todo_api.tasks.queries import LIVE, Expression, matching, owned_by_user

COUNTS: dict[str, Expression] = {
    "total": sa.true(),
    "active": sa.not_(tasks.c.completed),
    "completed": tasks.c.completed,
    **{priority: tasks.c.priority == priority for priority in PRIORITIES},
}


def count_tasks() -> sa.Select[Any]:
    """Count the matching tasks, by completion, priority and tag.

    Tasks are first grouped by their list of tags: many have the same, so few lists are unnested.
    """
    counts = (sa.func.count().filter(condition).label(name) for name, condition in COUNTS.items())
    groups = matching(sa.select(tasks.c.tags, *counts)).group_by(tasks.c.tags).cte("groups")
    sums = {name: whole_sum(groups.c[name]) for name in COUNTS}
    most = tags_of(groups).order_by(sa.desc("uses"), "tag").limit(MAX_COUNTED_TAGS).subquery()
    uses = aggregate_order_by(most.c.uses, most.c.uses.desc(), most.c.tag)
    by_priority = (item for priority in PRIORITIES for item in (priority, sums[priority]))
    by_tag = sa.select(
        sa.func.coalesce(sa.func.json_object_agg(most.c.tag, uses), sa.literal_column("'{}'"))
    )
    counted: sa.Select[Any] = sa.select(
        *(sums[name].label(name) for name in ("total", "active", "completed")),
        sa.func.json_build_object(*by_priority).label("by_priority"),
        by_tag.scalar_subquery().label("by_tag"),
    )
    return counted.select_from(groups)


def tags_of(groups: sa.CTE) -> sa.Select[Any]:
    """Select each tag, and how many tasks use it."""
    used = sa.select(sa.func.unnest(groups.c.tags).label("tag"), groups.c.total).subquery()
    return sa.select(used.c.tag, whole_sum(used.c.total).label("uses")).group_by(used.c.tag)


def page_of_tags() -> sa.Select[Any]:
    """Select a page of the tags outside the trash that begin with the prefix, by rank."""
    total = sa.func.count().label("total")
    groups = owned_by_user(sa.select(tasks.c.tags, total)).where(LIVE).group_by(tasks.c.tags)
    tags = tags_of(groups.cte("groups")).subquery("tags")
    rank = sa.tuple_(-tags.c.uses, tags.c.tag)
    return (
        sa.select(tags.c.tag, tags.c.uses.label("count"))
        .where(
            sa.func.starts_with(tags.c.tag, sa.bindparam("prefix", type_=sa.Text)),
            sa.or_(POSITION_ID.is_(None), rank > sa.tuple_(POSITION_ID, POSITION_VALUE)),
        )
        .order_by(tags.c.uses.desc(), tags.c.tag)
        .limit(ROW_LIMIT)
    )


def whole_sum(counts: Expression) -> Expression:
    """Return a sum as a bigint, 0 of no rows. PostgreSQL makes it numeric, or null."""
    return sa.cast(sa.func.coalesce(sa.func.sum(counts), 0), sa.BigInteger)


STATS = count_tasks()
TAGS_PAGE = with_account(page_of_tags(), GET_ACCOUNT)
