"""Why the database failed, in words for the log and for operators. They quote no row."""

from sqlalchemy.exc import DBAPIError

# Classes of SQLSTATE: connections, transactions, authorization, resources, operators, the system.
SERVER_CONDITIONS = frozenset({"08", "25", "28", "3D", "40", "53", "55", "57", "58"})
NOT_SET_UP = {
    "42P01": "a table is missing. Run: flask db upgrade",
    "42703": "a column is missing. Run: flask db upgrade",
    "42501": "the role of DATABASE_URL lacks a right. Run: flask doctor",
}
MAX_REASON = 300  # characters


def sqlstate(error: DBAPIError) -> str | None:
    """Return the server's code of a failure, or None where the server did not answer."""
    return getattr(error.orig, "pgcode", None)


def failure_reason(error: DBAPIError) -> str:
    """Return why the database failed, in one line that quotes no row.

    That is the SQLSTATE, with the server's words where they are about the server. Without a
    SQLSTATE the words are libpq's, about the connection.
    """
    code = sqlstate(error)
    if code in NOT_SET_UP:
        return f"{code} {NOT_SET_UP[code]}"
    if code and code[:2] not in SERVER_CONDITIONS:
        return str(code)
    words = error.orig.diag.message_primary if code else error.orig  # type: ignore[union-attr]
    lines = [" ".join(line.split()) for line in f"{code or ''} {words}".splitlines()]
    return ". ".join(filter(None, lines))[:MAX_REASON]
