"""SQL for a user's row in `accounts`, whose version orders their changes."""

from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Row,
    Select,
    Subquery,
    Text,
    TextClause,
    bindparam,
    delete,
    literal_column,
    select,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql import ClauseElement

from todo_api.database.dialect import Dialect
from todo_api.database.models import accounts, metadata

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


def in_one_message(*statements: ClauseElement) -> TextClause:
    """Join statements. PostgreSQL runs one message as one transaction.

    Each statement sees what was committed before it began, so also what the statement before it
    waited for.
    """
    named = Dialect(paramstyle="named")  # type: ignore[no-untyped-call]
    return text("; ".join(str(statement.compile(dialect=named)) for statement in statements))


LOCK_ACCOUNT = (
    insert(accounts)
    .values(user_id=OWNER, version=literal_column("0"))
    .on_conflict_do_update(
        index_elements=[accounts.c.user_id], set_={"purged_version": accounts.c.purged_version}
    )
)
# Every table of users' rows, the account last: its row is the lock.
USER_TABLES = sorted(
    (table for table in metadata.tables.values() if "user_id" in table.c),
    key=lambda table: table is accounts,
)
ERASE = in_one_message(
    LOCK_ACCOUNT, *(delete(table).where(table.c.user_id == OWNER) for table in USER_TABLES)
)
