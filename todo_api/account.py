"""The account endpoint: everything that is stored about a user, erased at once."""

from sqlalchemy import TextClause, delete, literal_column, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql import ClauseElement

from todo_api.accounts import IS_OWN, OWNER
from todo_api.api import Blueprint
from todo_api.auth import require_user
from todo_api.db import execute_for_user
from todo_api.dialect import Dialect
from todo_api.models import accounts, tasks
from todo_api.queries import owned_by_user

blp = Blueprint(
    "Account",
    __name__,
    url_prefix="/api/account",
    description="The user in the token.",
    errors=[503],
)


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
ERASE = in_one_message(LOCK_ACCOUNT, owned_by_user(delete(tasks)), delete(accounts).where(IS_OWN))


@blp.route("", methods=["DELETE"])
@require_user
@blp.response(204)
def delete_account() -> None:
    """Erase the account

    Deletes every task of the user at once and for good, also those in the trash. It is safe to
    retry. Call it when the user is deleted, for example from Better Auth's `beforeDelete`.
    """
    execute_for_user(ERASE)
