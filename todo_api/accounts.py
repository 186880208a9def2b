"""SQL for a user's row in `accounts`, whose version orders their changes."""

from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Row,
    Select,
    Subquery,
    Text,
    bindparam,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import insert

from todo_api.models import accounts

OWNER: ColumnElement[str] = bindparam("owner", type_=Text)
FIRST_VERSION: ColumnElement[int] = literal_column("1")
IS_OWN = accounts.c.user_id == OWNER
GET_ACCOUNT = select(
    accounts.c.version.label("account_version"),
    accounts.c.purged_version.label("account_purged_version"),
    accounts.c.epoch.cast(Text).label("account_epoch"),  # a UUID object a row takes microseconds
).where(IS_OWN)
DATABASE: ColumnElement[str] = literal_column(
    "concat_ws('.', (SELECT system_identifier FROM pg_control_system()),"
    " (SELECT oid FROM pg_database WHERE datname = current_database()), accounts.tableoid,"
    " CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END)"
)
"""Another text after a backup is restored: other tables, or another timeline. Not so on Neon, which
keeps both when it restores a branch: see docs/operations.md."""
CREATE_ACCOUNT = insert(accounts).values(user_id=OWNER, version=0).on_conflict_do_nothing()


def new_version(condition: ColumnElement[bool]) -> CTE:
    """Take the next version of the user's account, if the condition is true when this begins."""
    row: Select[str, int] = select(OWNER, FIRST_VERSION).where(condition)
    return (
        insert(accounts)
        .from_select(["user_id", "version"], row)
        .on_conflict_do_update(
            index_elements=[accounts.c.user_id], set_={"version": accounts.c.version + 1}
        )
        .returning(accounts.c.user_id, accounts.c.version)
        .cte("bump")
    )


def with_account(page: Select[Any], account: Select[Any]) -> Select[Any]:
    """Add the account to each row of a page: both are of one snapshot.

    Joined to one dummy row, so that an empty page still returns the account, with a null `id`. The
    page keeps its order: PostgreSQL can only loop over the one row of the left side.
    """
    one: Subquery = select(literal_column("1").label("one")).subquery("one")
    mine, rows = account.subquery("account"), page.subquery("page")
    joined = one.outerjoin(mine, true()).outerjoin(rows, true())
    return select(*rows.c, *mine.c).select_from(joined)


def task_rows(rows: list[Row[Any]]) -> list[Row[Any]]:
    """Return the tasks of a page that `with_account` made: an empty page has one row."""
    return rows if rows[0].id is not None else []
