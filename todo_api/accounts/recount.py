"""Counts the tasks of every account again, one account at a time."""

from sqlalchemy import bindparam, select

from todo_api.accounts.queries import RECOUNT
from todo_api.database.engine import execute
from todo_api.database.models import accounts

NEXT_USERS = (
    select(accounts.c.user_id)
    .where(accounts.c.user_id > bindparam("last"))
    .order_by(accounts.c.user_id)
    .limit(1_000)
)


def recount() -> int:
    """Count the tasks of every account. Return how many accounts there are."""
    total, last = 0, ""
    while users := execute(NEXT_USERS, last=last).scalars().all():
        for user in users:
            execute(RECOUNT, owner=user)
        total, last = total + len(users), users[-1]
    return total
