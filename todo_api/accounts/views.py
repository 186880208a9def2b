"""The account endpoint: everything that is stored about a user, erased in batches."""

from http import HTTPStatus

from flask import Response

from todo_api.accounts.queries import ERASE
from todo_api.context import application
from todo_api.database.engine import execute_for_user
from todo_api.http.auth import require_user
from todo_api.http.facts import response_header
from todo_api.http.smorest import Blueprint

blp = Blueprint(
    "Account",
    __name__,
    url_prefix="/api/account",
    description="The user in the token.",
    error_statuses=[429, 503],
)
RETRY = response_header(
    "Retry-After",
    "`0`: there is more to erase. Send the request again at once.",
    {"type": "integer"},
)


@blp.route("", methods=["DELETE"])
@require_user
@blp.response(204)
@blp.alt_response(202, description="Accepted", headers=RETRY)
def delete_account() -> Response | None:
    """Erase the account

    Deletes every task of the user for good, also those in the trash, 5,000 at once. While the
    response is a 202, send the request again: it is finished with a 204. Call it when the user is
    deleted, for example from Better Auth's `beforeDelete`.
    """
    if not execute_for_user(ERASE).scalar_one():
        return None
    return application().response_class(status=HTTPStatus.ACCEPTED, headers={"Retry-After": "0"})
