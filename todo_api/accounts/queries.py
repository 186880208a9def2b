"""SQL for a user's row in `accounts`, whose version orders their changes."""

from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Row,
    Select,
    Subquery,
    Table,
    Text,
    TextClause,
    any_,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    not_,
    null,
    or_,
    select,
    text,
    true,
    union_all,
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
    """Take the next version of the user's account, if the condition is true when this begins.

    An account that was erased while this waited stays erased. Only a user whose tasks are from
    before migration 0005 gets a new one.
    """
    following = accounts.c.version + FIRST_VERSION
    taken = (
        update(accounts)
        .where(IS_OWN, condition)
        .values(version=following)
        .returning(accounts.c.user_id, accounts.c.version)
        .cte("taken")
    )
    row: Select[str, int] = select(OWNER, FIRST_VERSION).where(not_(HAS_ACCOUNT), condition)
    made = (
        insert(accounts)
        .from_select(["user_id", "version"], row)
        .on_conflict_do_update(index_elements=[accounts.c.user_id], set_={"version": following})
        .returning(accounts.c.user_id, accounts.c.version)
        .cte("made")
    )
    return union_all(select(taken), select(made)).cte("bump")


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


LOCK_ACCOUNT = select(accounts.c.version).where(IS_OWN).with_for_update()
GET_TASK_COUNT = select(accounts.c.task_count).where(IS_OWN)
RECOUNT = in_one_message(
    LOCK_ACCOUNT,
    update(accounts)
    .where(IS_OWN)
    .values(task_count=TASKS.with_only_columns(func.count()).scalar_subquery()),
)
# Every table of users' rows but the account, which is the lock.
USER_TABLES = [
    each for each in metadata.sorted_tables if "user_id" in each.c and each is not accounts
]
ERASE_BATCH = 5_000
UNKNOWN: dict[str, Any] = {"epoch": func.gen_random_uuid(), "task_count": null()}
"""After a batch a client knows nothing for sure, and nobody has counted."""
BEGIN_ERASURE = (
    insert(accounts)
    .values(user_id=OWNER, version=literal_column("0"), erased_version=literal_column("0"))
    .on_conflict_do_update(
        index_elements=[accounts.c.user_id],
        set_=UNKNOWN | {"erased_version": accounts.c.version},
    )
)
CONTINUE_ERASURE = update(accounts).where(IS_OWN).values(UNKNOWN)
ERASED_VERSION = select(accounts.c.erased_version).where(IS_OWN).scalar_subquery()


def rows_to_erase(table: Table) -> Select[Any]:
    """Select the places of the user's rows. A task that is newer than the erasure stays."""
    place: ColumnElement[Any] = literal_column(f"{table.name}.ctid")
    rows = select(place).where(table.c.user_id == OWNER)
    return rows.where(table.c.version <= ERASED_VERSION) if "version" in table.c else rows


def erase(begin: ClauseElement) -> TextClause:
    """Erase a batch of the user's rows, then the account where none is left.

    Returns whether there is more to erase.
    """
    places = {each: rows_to_erase(each) for each in USER_TABLES}
    batches = (
        delete(table).where(
            table.c.user_id == OWNER,
            literal_column(f"{table.name}.ctid")
            == any_(func.array(rows.limit(literal_column(str(ERASE_BATCH))).scalar_subquery())),
        )
        for table, rows in places.items()
    )
    own = (select(each.c.user_id).where(each.c.user_id == OWNER).exists() for each in USER_TABLES)
    left = or_(*(rows.exists() for rows in places.values()))
    return in_one_message(
        begin,
        *batches,
        delete(accounts).where(IS_OWN, *(not_(rows) for rows in own)),
        update(accounts).where(IS_OWN, not_(left)).values(erased_version=null()),
        select(left),
    )


ERASE = erase(BEGIN_ERASURE)
FINISH_ERASURE = erase(CONTINUE_ERASURE)
