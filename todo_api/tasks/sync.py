"""What a client has missed: the changes after a sync token, and the token after them."""

from hashlib import sha256
from typing import Any, NamedTuple

from marshmallow import ValidationError, fields
from sqlalchemy import BigInteger, Row, bindparam, select, tuple_
from werkzeug.exceptions import Gone

from todo_api.accounts.queries import DATABASE, GET_ACCOUNT, with_account
from todo_api.context import application, request_state
from todo_api.database.engine import execute_for_user
from todo_api.database.models import tasks
from todo_api.errors import EXPIRED_TOKEN_MESSAGE
from todo_api.http.signing import sign, unsign
from todo_api.limits import MAX_ID
from todo_api.tasks.paging import ROW_LIMIT
from todo_api.tasks.queries import OWN_TASKS

BAD_TOKEN_MESSAGE = "Invalid sync token. Take `next` or the Sync-Token of a list, or send none."  # noqa: S105


class SyncPosition(NamedTuple):
    """What a client has seen: every change up to this version and, within the version, this id.

    A write gives all its tasks one version. A task that changes again gets a higher one, so nothing
    can appear before a position. ``epoch`` is new after an erasure and after a restored backup.
    ``purged_version`` is the account's. Of a task that was purged by then, the client has seen the
    deletion, or has never seen the task.
    """

    epoch: str
    version: int
    id: int
    purged_version: int


NOTHING_SEEN = SyncPosition("", -1, 0, 0)


class SyncToken(fields.Field[SyncPosition]):
    """A sync position, signed and bound to the user of the request."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> SyncPosition:
        user, *position = unsign("sync", value) or (None,)
        if user != user_hash() or len(position) != len(SyncPosition._fields):
            raise ValidationError(BAD_TOKEN_MESSAGE)
        return SyncPosition(*position)

    @staticmethod
    def encode(position: SyncPosition) -> str:
        return sign("sync", [user_hash(), *position])


def user_hash() -> str:
    return short_hash(request_state().user)


POSITION = tuple_(tasks.c.version, tasks.c.id)
SEEN = tuple_(bindparam("seen_version", type_=BigInteger), bindparam("seen_id", type_=BigInteger))
CHANGES = with_account(
    OWN_TASKS.where(POSITION > SEEN).order_by(tasks.c.version, tasks.c.id).limit(ROW_LIMIT),
    GET_ACCOUNT.add_columns(DATABASE.label("database")),
)

GET_DATABASE = select(DATABASE)


def check_seen(seen: SyncPosition, account: Row[Any]) -> None:
    """Raise 410 if the client may have missed something that the database no longer has.

    The account was erased since, the database was restored from a backup, or a task was purged
    whose deletion the client has not seen.
    """
    purged = account.account_purged_version
    if (
        account.account_epoch is None
        or seen.epoch != current_epoch(account, account.database)
        or seen.version > account.account_version
        or (purged > seen.purged_version and (seen.version, seen.id) < (purged, MAX_ID))
    ):
        raise Gone(EXPIRED_TOKEN_MESSAGE)


def next_token(account: Row[Any], last: Row[Any] | None) -> str:
    """Return the token for what comes after ``last``, or after all that the account has."""
    version, id_ = (last.version, last.id) if last else (account.account_version, MAX_ID)
    return make_token(account, account.database, version, id_)


def known_database() -> str:
    """Return the database as this process last read it. To read it takes 5 % of a list.

    A token with an outdated one has expired. The 410 corrects it in this process. Call it before
    the list is read: a newer one would hide that a backup was restored after the list.
    """
    known = application().extensions
    if "database" not in known:
        known["database"] = execute_for_user(GET_DATABASE).scalar_one()
    return str(known["database"])


def remember_database(account: Row[Any]) -> None:
    application().extensions["database"] = account.database


def first_token(account: Row[Any], database: str) -> dict[str, str]:
    """Return the header with the token for what comes after the first page of a list.

    There is none without an account: nothing would tell that the tasks were erased since.
    """
    if account.account_epoch is None:
        return {}
    return {"Sync-Token": make_token(account, database, account.account_version, MAX_ID)}


def make_token(account: Row[Any], database: str, version: int, id_: int) -> str:
    epoch, purged = current_epoch(account, database), account.account_purged_version
    return SyncToken.encode(SyncPosition(epoch, version, id_, purged))


def current_epoch(account: Row[Any], database: str) -> str:
    return short_hash(f"{account.account_epoch} {database.format(table=account.account_table)}")


def short_hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:32]
