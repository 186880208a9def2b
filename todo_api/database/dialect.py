"""The differences from SQLAlchemy's psycopg2 dialect. Registered as `postgresql+todo`."""

from datetime import UTC, datetime
from select import POLLIN, poll
from typing import Any

import psycopg2.extensions
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2

from todo_api.database import watchdog
from todo_api.failures import safe_words

DRIVER = "postgresql+todo"
NETWORK_GRACE = 3  # seconds that the network may take beyond a statement's timeout
UTC_TIMESTAMPTZ = psycopg2.extensions.new_type(
    psycopg2.extensions.PYDATETIMETZ.values,
    "UTC_TIMESTAMPTZ",
    lambda text, _: datetime.fromisoformat(str(text)).astimezone(UTC) if text else None,
)


class DriverArray(ARRAY[Any]):
    """An array as psycopg2 reads it. SQLAlchemy would copy the list of each row."""

    def result_processor(self, dialect: Any, coltype: object) -> Any:
        """Process nothing."""


class Dialect(PGDialect_psycopg2):
    """psycopg2's dialect without the statements that SQLAlchemy adds to those of a request."""

    supports_statement_cache = True
    colspecs = {**PGDialect_psycopg2.colspecs, ARRAY: DriverArray}  # noqa: RUF012

    def initialize(self, _connection: Any) -> None:
        """Skip SQLAlchemy's first-connection queries.

        They run under a lock that blocks every other first request.
        """

    def do_ping(self, dbapi_connection: Any) -> bool:
        """Ping without a round trip: an idle PostgreSQL connection is readable only if it ends.

        A readable one gets the real ping. It reads what came (a notice, a TLS session ticket) or
        finds that the server hung up.
        """
        readable = poll()  # not select(), which takes no descriptor above 1023
        readable.register(dbapi_connection, POLLIN)
        if not readable.poll(0):
            return True
        answered: bool = super().do_ping(dbapi_connection)  # type: ignore[no-untyped-call]
        return answered


registry.register("postgresql.todo", __name__, "Dialect")


def cursor_with_timeout(seconds: float) -> type[psycopg2.extensions.cursor]:
    """Make a cursor class that sends each statement with a timeout in the same message.

    psycopg2 speaks the simple query protocol, where one message is one transaction: SET LOCAL ends
    with it. Neon's pooler refuses the timeout as a start-up option, and a plain SET would stay on
    the server connection for its next user. The watchdog ends a wait that the timeout does not.
    The isolation level comes first, as a role or database may have another default.

    An error loses what may quote a row, because tools that observe the service send the messages of
    exceptions.
    """
    isolation = "SET LOCAL transaction_isolation = 'read committed'; "
    prefix = f"{isolation}SET LOCAL statement_timeout = {int(seconds * 1000)}; "

    class CursorWithTimeout(psycopg2.extensions.cursor):
        def execute(self, query: Any, vars: Any = None) -> None:
            watchdog.expect_response(self.connection, seconds + NETWORK_GRACE)
            try:
                super().execute(prefix + query, vars)
            except psycopg2.Error as error:
                if error.pgcode:
                    error.args = (safe_words(error),)
                raise
            finally:
                watchdog.received(self.connection)

    return CursorWithTimeout


def read_timestamps_as_utc(connection: Any, _: Any) -> None:
    """Make timestamps UTC, whatever time zone the server, role or database has."""
    psycopg2.extensions.register_type(UTC_TIMESTAMPTZ, connection)
