"""SQL for a user's row in `accounts`, whose version orders their changes."""

from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Row,
    Select,
    Subquery,
    Text,
    TextClause,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    null,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql import ClauseElement

from todo_api.database.dialect import Dialect
from todo_api.database.models import accounts, metadata, tasks

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
TASKS = select(tasks.c.id).where(tasks.c.user_id == OWNER)
HAS_ACCOUNT = select(accounts.c.version).where(IS_OWN).exists()


def first_count(count: str) -> ColumnElement[Any]:
    """Return the count of a new account, or null where older tasks have to be counted.

    With an account it looks for no tasks: PostgreSQL might read the table of all users for that.
    """
    new: ColumnElement[int] = literal_column(count)
    return case((HAS_ACCOUNT, new), (TASKS.exists(), null()), else_=new)


CREATE_ACCOUNT = (
    insert(accounts)
    .values(user_id=OWNER, version=literal_column("0"), task_count=first_count("0"))
    .on_conflict_do_nothing()
)
MAX_TASKS: ColumnElement[int] = bindparam("max_tasks", type_=BigInteger)


def version_of_new_task(condition: ColumnElement[bool]) -> CTE:
    """Count a new task and take the next version, if the condition is true and the quota allows.

    Nothing is taken where nobody has counted the tasks yet.
    """
    row: Select[str, int, int] = select(OWNER, FIRST_VERSION, first_count("1")).where(condition)
    return (
        insert(accounts)
        .from_select(["user_id", "version", "task_count"], row)
        .on_conflict_do_update(
            index_elements=[accounts.c.user_id],
            set_={"version": accounts.c.version + 1, "task_count": accounts.c.task_count + 1},
            where=accounts.c.task_count < MAX_TASKS,
        )
        .returning(accounts.c.user_id, accounts.c.version)
        .cte("bump")
    )


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
GET_TASK_COUNT = select(accounts.c.task_count).where(IS_OWN)
RECOUNT = in_one_message(
    select(accounts.c.version).where(IS_OWN).with_for_update(),
    update(accounts)
    .where(IS_OWN)
    .values(task_count=TASKS.with_only_columns(func.count()).scalar_subquery()),
)
# Every table of users' rows, the account last: its row is the lock.
USER_TABLES = sorted(
    (table for table in metadata.tables.values() if "user_id" in table.c),
    key=lambda table: table is accounts,
)
ERASE = in_one_message(
    LOCK_ACCOUNT, *(delete(table).where(table.c.user_id == OWNER) for table in USER_TABLES)
)
