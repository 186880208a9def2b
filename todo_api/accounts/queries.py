"""SQL for a user's row in `accounts`, whose version orders their changes."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql import ClauseElement

from todo_api.database.dialect import Dialect
from todo_api.database.models import accounts, metadata, tasks

OWNER: sa.ColumnElement[str] = sa.bindparam("owner", type_=sa.Text)
FIRST_VERSION: sa.ColumnElement[int] = sa.literal_column("1")
IS_OWN = accounts.c.user_id == OWNER
GET_ACCOUNT = sa.select(
    accounts.c.version.label("account_version"),
    accounts.c.purged_version.label("account_purged_version"),
    accounts.c.epoch.cast(sa.Text).label("account_epoch"),  # a UUID object a row takes microseconds
    sa.literal_column("accounts.tableoid").label("account_table"),
).where(IS_OWN)
DATABASE: sa.ColumnElement[str] = sa.literal_column(
    "concat_ws('.', (SELECT system_identifier FROM pg_control_system()),"
    " (SELECT oid FROM pg_database WHERE datname = current_database()), '{table}',"
    " CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END)"
)
"""Another text after a backup is restored, with `account_table` in it: other tables, or another
timeline. Not so on Neon, which keeps both when it restores a branch: see docs/operations.md."""
TASKS = sa.select(tasks.c.id).where(tasks.c.user_id == OWNER)
HAS_ACCOUNT = sa.select(accounts.c.version).where(IS_OWN).exists()


def first_count(count: str) -> sa.ColumnElement[Any]:
    """Return the count of a new account, or null where older tasks have to be counted.

    With an account it looks for no tasks: PostgreSQL might read the table of all users for that.
    """
    new: sa.ColumnElement[int] = sa.literal_column(count)
    return sa.case((HAS_ACCOUNT, new), (TASKS.exists(), sa.null()), else_=new)


CREATE_ACCOUNT = (
    insert(accounts)
    .values(user_id=OWNER, version=sa.literal_column("0"), task_count=first_count("0"))
    .on_conflict_do_nothing()
)


def note_removal(removed: sa.CTE) -> sa.Update:
    """Let the accounts know how many tasks were removed for good, and their last version."""
    version, count = sa.func.max(removed.c.version), sa.func.count()
    last = sa.select(removed.c.user_id, version.label("version"), count.label("n"))
    last_of = last.group_by(removed.c.user_id).subquery("last")
    return (
        sa.update(accounts)
        .where(accounts.c.user_id == last_of.c.user_id)
        .values(
            purged_version=sa.func.greatest(accounts.c.purged_version, last_of.c.version),
            # The trash has changed, and so has the tag of its list.
            version=accounts.c.version + FIRST_VERSION,
            task_count=accounts.c.task_count - last_of.c.n,
        )
    )


MAX_TASKS: sa.ColumnElement[int] = sa.bindparam("max_tasks", type_=sa.BigInteger)


def version_of_new_task(condition: sa.ColumnElement[bool]) -> sa.CTE:
    """Count a new task and take the next version, if the condition is true and the quota allows.

    Nothing is taken where nobody has counted the tasks yet.
    """
    row: Any = sa.select(OWNER, FIRST_VERSION, first_count("1")).where(condition)
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


NEXT = {"version": accounts.c.version + FIRST_VERSION}


def new_version(condition: sa.ColumnElement[bool]) -> sa.CTE:
    """Take the next version of the user's account, if the condition is true when this begins.

    An account that was erased while this waited stays erased. Only a user whose tasks are from
    before migration 0005 gets a new one.
    """
    taken = take_next_version(condition)
    row: Any = sa.select(OWNER, FIRST_VERSION).where(sa.not_(HAS_ACCOUNT), condition)
    made = (
        insert(accounts)
        .from_select(["user_id", "version"], row)
        .on_conflict_do_update(index_elements=[accounts.c.user_id], set_=NEXT)
        .returning(accounts.c.user_id, accounts.c.version)
        .cte("made")
    )
    return sa.union_all(sa.select(taken), sa.select(made)).cte("bump")


def take_next_version(condition: sa.ColumnElement[bool]) -> sa.CTE:
    """Take the next version of an account that there is, if the condition is true."""
    taken = sa.update(accounts).where(IS_OWN, condition).values(NEXT)
    return taken.returning(accounts.c.user_id, accounts.c.version).cte("taken")


def with_account(page: sa.Select[Any], account: sa.Select[Any]) -> sa.Select[Any]:
    """Add the account to each row of a page: both are of one snapshot.

    Joined to one dummy row, so that an empty page still returns the account, with a null `id`. The
    page keeps its order: PostgreSQL can only loop over the one row of the left side.
    """
    one: sa.Subquery = sa.select(sa.literal_column("1").label("one")).subquery("one")
    mine, rows = account.subquery("account"), page.subquery("page")
    joined = one.outerjoin(mine, sa.true()).outerjoin(rows, sa.true())
    return sa.select(*rows.c, *mine.c).select_from(joined)


def task_rows(rows: list[sa.Row[Any]]) -> list[sa.Row[Any]]:
    """Return the tasks of a page that `with_account` made: an empty page has one row."""
    return rows if rows[0].id is not None else []


def in_one_message(*statements: ClauseElement) -> sa.TextClause:
    """Join statements. PostgreSQL runs one message as one transaction.

    Each statement sees what was committed before it began, so also what the statement before it
    waited for.
    """
    named = Dialect(paramstyle="named")  # type: ignore[no-untyped-call]
    return sa.text("; ".join(str(statement.compile(dialect=named)) for statement in statements))


LOCK_ACCOUNT = sa.select(accounts.c.version).where(IS_OWN).with_for_update()
GET_TASK_COUNT = sa.select(accounts.c.task_count).where(IS_OWN)
RECOUNT = in_one_message(
    LOCK_ACCOUNT,
    sa.update(accounts)
    .where(IS_OWN)
    .values(task_count=TASKS.with_only_columns(sa.func.count()).scalar_subquery()),
)
# Every table of users' rows but the account, which is the lock.
USER_TABLES = [t for t in metadata.sorted_tables if "user_id" in t.c and t is not accounts]
ERASE_BATCH = 5_000
UNKNOWN: dict[str, Any] = {"epoch": sa.func.gen_random_uuid(), "task_count": sa.null()}
"""After a batch a client knows nothing for sure, and nobody has counted."""
BEGIN_ERASURE = (
    insert(accounts)
    .values(user_id=OWNER, version=sa.literal_column("0"), erased_version=sa.literal_column("0"))
    .on_conflict_do_update(
        index_elements=[accounts.c.user_id], set_=UNKNOWN | {"erased_version": accounts.c.version}
    )
)
CONTINUE_ERASURE = sa.update(accounts).where(IS_OWN).values(UNKNOWN)
ERASED_VERSION = sa.select(accounts.c.erased_version).where(IS_OWN).scalar_subquery()


def rows_to_erase(table: sa.Table) -> sa.Select[Any]:
    """Select the places of the user's rows. A task that is newer than the erasure stays."""
    place: sa.ColumnElement[Any] = sa.literal_column(f"{table.name}.ctid")
    rows = sa.select(place).where(table.c.user_id == OWNER)
    return rows.where(table.c.version <= ERASED_VERSION) if "version" in table.c else rows


def erase(begin: ClauseElement) -> sa.TextClause:
    """Erase a batch of the user's rows, then the account where none is left.

    Returns whether there is more to erase.
    """
    most: sa.ColumnElement[int] = sa.literal_column(str(ERASE_BATCH))
    places = {each: rows_to_erase(each) for each in USER_TABLES}
    batches = (
        sa.delete(table).where(
            table.c.user_id == OWNER,
            sa.literal_column(f"{table.name}.ctid")
            == sa.any_(sa.func.array(rows.limit(most).scalar_subquery())),
        )
        for table, rows in places.items()
    )
    own = (sa.select(t.c.user_id).where(t.c.user_id == OWNER).exists() for t in USER_TABLES)
    left = sa.or_(*(rows.exists() for rows in places.values()))
    return in_one_message(
        begin,
        *batches,
        sa.delete(accounts).where(IS_OWN, *(sa.not_(rows) for rows in own)),
        sa.update(accounts).where(IS_OWN, sa.not_(left)).values(erased_version=sa.null()),
        sa.select(left),
    )


ERASE = erase(BEGIN_ERASURE)
FINISH_ERASURE = erase(CONTINUE_ERASURE)
