"""Removes tasks from the trash for good, in batches that block their users only for moments."""

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, bindparam, delete, func, literal_column, select

from todo_api.accounts.queries import FINISH_ERASURE, note_removal
from todo_api.database.engine import execute
from todo_api.database.models import accounts, tasks

BATCH = 1_000

CUTOFF: Any = select(
    literal_column("clock_timestamp()") - func.make_interval(0, 0, 0, bindparam("days"))
)
DOOMED = (
    select(tasks.c.user_id, tasks.c.id, tasks.c.version)
    .where(tasks.c.deleted_at <= bindparam("cutoff", type_=DateTime(timezone=True)))
    .order_by(tasks.c.deleted_at)
    .limit(bindparam("batch"))
    .cte("doomed")
)
# Lock in one order, so that two purges cannot deadlock. Writes lock one account, before its tasks.
LOCKED = (
    select(accounts.c.user_id)
    .where(accounts.c.user_id.in_(select(DOOMED.c.user_id)))
    .order_by(accounts.c.user_id)
    .with_for_update()
    .cte("locked")
)
# Counting the accounts first makes PostgreSQL lock them before any task. A task that has changed
# meanwhile has another version: it was restored.
PURGED = (
    delete(tasks)
    .where(
        select(func.count() >= 0).select_from(LOCKED).scalar_subquery(),
        tasks.c.user_id == DOOMED.c.user_id,
        tasks.c.id == DOOMED.c.id,
        tasks.c.version == DOOMED.c.version,
    )
    .returning(tasks.c.user_id, tasks.c.version)
    .cte("purged")
)
PURGE = select(func.count()).select_from(PURGED).add_cte(note_removal(PURGED).cte("marked"))
UNFINISHED = select(accounts.c.user_id).where(accounts.c.erased_version.is_not(None))
# What a first sync, or the purge of the last task, leaves. Those of busy users wait.
BARE = delete(accounts).where(
    accounts.c.user_id.in_(
        select(accounts.c.user_id)
        .where(accounts.c.task_count == 0)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
)


def purge(days: int) -> int:
    """Remove the tasks that have been in the trash for ``days``. Return how many.

    Then finish the erasures that a client gave up, and remove the accounts without a task. Each
    batch is a transaction of its own.
    """
    cutoff: datetime = execute(CUTOFF, days=days).scalar_one()
    total = 0
    while batch := execute(PURGE, cutoff=cutoff, batch=BATCH).scalar_one():
        total += batch
    for user in execute(UNFINISHED).scalars().all():
        while execute(FINISH_ERASURE, owner=user).scalar_one():
            pass
    while execute(BARE).rowcount:
        pass
    return total
