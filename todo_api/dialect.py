"""What differs from SQLAlchemy's psycopg2 dialect."""

from datetime import UTC, datetime
from select import POLLIN, poll
from typing import Any

import psycopg2
import psycopg2.extensions
from sqlalchemy import Engine, event

from todo_api import watchdog

GRACE = 3  # seconds that the network may take beyond a statement's timeout
UTC_TIMESTAMPTZ = psycopg2.extensions.new_type(
    psycopg2.extensions.PYDATETIMETZ.values,
    "UTC_TIMESTAMPTZ",
    lambda text, _: datetime.fromisoformat(str(text)).astimezone(UTC) if text else None,
)


def ping_only_if_readable(engine: Engine) -> None:
    """Make the pool's ping free: an idle PostgreSQL connection says nothing unless it ends.

    One that is readable gets the real ping, which reads what came (a notice, a TLS session ticket)
    or finds that the server hung up.
    """
    ping = engine.dialect.do_ping

    def ping_if_readable(connection: Any) -> bool:
        readable = poll()  # not select(), which takes no descriptor above 1023
        readable.register(connection, POLLIN)
        if not readable.poll(0):
            return True
        watchdog.expect_answer(connection, GRACE)
        try:
            return ping(connection)
        finally:
            watchdog.answered(connection)

    engine.dialect.do_ping = ping_if_readable  # type: ignore[assignment, method-assign]


def limit_statements(engine: Engine, seconds: float) -> None:
    """Send each statement with a timeout of its own in the same message, and wait little longer.

    psycopg2 speaks the simple query protocol, where one message is one transaction: SET LOCAL ends
    with it. Neon's pooler refuses the timeout as a start-up option, and a plain SET would stay on
    the server connection for whoever gets it next.
    """
    prefix = f"SET LOCAL statement_timeout = {int(seconds * 1000)}; "

    @event.listens_for(engine, "do_execute")
    def execute(cursor: Any, statement: str, values: Any, _context: Any) -> bool:
        watchdog.expect_answer(cursor.connection, seconds + GRACE)
        try:
            cursor.execute(prefix + statement, values)
        finally:
            watchdog.answered(cursor.connection)
        return True  # nothing is left for SQLAlchemy to do


def read_timestamps_as_utc(connection: Any, _: Any) -> None:
    """Make timestamps UTC whatever the time zone of the server, role or database is set to."""
    psycopg2.extensions.register_type(UTC_TIMESTAMPTZ, connection)
