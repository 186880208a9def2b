"""The account endpoint: everything that is stored about a user, erased at once."""

from todo_api.accounts.queries import ERASE
from todo_api.database.engine import execute_for_user
from todo_api.http.auth import require_user
from todo_api.http.smorest import Blueprint

blp = Blueprint(
    "Account",
    __name__,
    url_prefix="/api/account",
    description="The user in the token.",
    errors=[429, 503],
)


@blp.route("", methods=["DELETE"])
@require_user
@blp.response(204)
def delete_account() -> None:
    """Erase the account

    Deletes every task of the user at once and for good, also those in the trash. It is safe to
    retry. Call it when the user is deleted, for example from Better Auth's `beforeDelete`.
    """
    execute_for_user(ERASE)
