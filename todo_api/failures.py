"""Why a request or the database failed, for the log and for operators. No word quotes a row."""

import re
from collections.abc import Iterator

import psycopg2
from sqlalchemy.exc import DBAPIError

# Classes of SQLSTATE: connections, transactions, authorization, resources, operators, the system.
SERVER_CONDITIONS = frozenset({"08", "25", "28", "3D", "40", "53", "55", "57", "58"})
NOT_SET_UP = {
    "42P01": "a table is missing. Run: flask db upgrade",
    "42703": "a column is missing. Run: flask db upgrade",
    "42501": "the role of DATABASE_URL lacks a right. Run: flask doctor",
}
OTHER_HOME = re.compile(r'could not open certificate file ".*/\.postgresql/')
NO_CONNECTION = re.compile(
    "too many clients|too many connections|slots are reserved|no more connections allowed", re.I
)
CONNECTION_ADVICE = {
    OTHER_HOME: "HOME is the folder of another user."
    " Set HOME to one that the user of this process may read.",
    NO_CONNECTION: "No connection is free."
    " End some of the others, use a pooler, or raise the limit, such as max_connections.",
}
"""What to do where connecting failed, by the words of libpq, of the server or of a pooler."""
MAX_REASON = 300  # characters


def with_causes(error: BaseException | None, *, hidden: bool) -> Iterator[BaseException]:
    """Return an exception and its causes, each once. A driver's error may be a cause of itself.

    ``hidden`` adds those that `from None` hides.
    """
    left, seen = [error], set()
    while left:
        error = left.pop()
        if error is not None and id(error) not in seen:
            seen.add(id(error))
            yield error
            context = error.__context__ if hidden or not error.__suppress_context__ else None
            left += [getattr(error, "original_exception", None), context, error.__cause__]


def sqlstate(error: DBAPIError) -> str | None:
    """Return the server's code of a failure, or None where the server did not answer."""
    return getattr(error.orig, "pgcode", None)


def safe_words(error: psycopg2.Error) -> str:
    """Return what the server says of a failure, without a row and without a value.

    The detail quotes rows. The first line about a value, of class 22, quotes that.
    """
    code = str(error.pgcode)
    return code if code.startswith("22") else f"{code} {error.diag.message_primary}"


def failure_reason(error: DBAPIError, otherwise: str = "") -> str:
    """Return why the database failed, in one line that quotes no row.

    That is the SQLSTATE, with the server's words where they are about the server. Without a
    SQLSTATE the words are libpq's, about the connection. They end with what to do about it, which
    is ``otherwise`` where they do not tell.
    """
    code = sqlstate(error)
    if code in NOT_SET_UP:
        return f"{code} {NOT_SET_UP[code]}"
    if code and code[:2] not in SERVER_CONDITIONS:
        return str(code)
    words = error.orig.diag.message_primary if code else error.orig  # type: ignore[union-attr]
    lines = [" ".join(line.split()) for line in f"{code or ''} {words}".splitlines()]
    reason = ". ".join(filter(None, lines))
    known = (advice for pattern, advice in CONNECTION_ADVICE.items() if pattern.search(reason))
    advice = next(known, otherwise)
    return f"{reason[:MAX_REASON].rstrip('?.')}. {advice}" if advice else reason[:MAX_REASON]
