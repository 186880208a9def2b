"""The engine, the session of a request, and what a client is told when the database fails."""

from datetime import UTC, datetime
from pathlib import Path
from select import POLLIN, poll
from typing import Any

import psycopg2
import psycopg2.extensions
from flask import Flask, current_app, g
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.wrappers import Response

from config import EMBEDDED, Config, ConfigError
from todo_api import embedded, watchdog

EMBEDDED_FOLDER = Path(__file__).parents[1] / "instance" / "postgres"
UNAVAILABLE = "The database cannot answer now; try again."
RETRY_AFTER = 1  # seconds
GRACE = 3  # seconds that the network may take beyond a statement's timeout
OUR_MISTAKES = (DataError, IntegrityError, NotSupportedError, ProgrammingError)

# For libpq, unless DATABASE_URL says otherwise.
CONNECTION_DEFAULTS = {
    "application_name": "todo_api",
    "client_encoding": "utf8",
    "connect_timeout": "10",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "8000",
}

UTC_TIMESTAMPTZ = psycopg2.extensions.new_type(
    psycopg2.extensions.PYDATETIMETZ.values,
    "UTC_TIMESTAMPTZ",
    lambda text, _: datetime.fromisoformat(str(text)).astimezone(UTC) if text else None,
)


def init_app(app: Flask, config: Config) -> None:
    check_parameters("DATABASE_URL", config.database_url)
    if config.database_url_unpooled:
        check_parameters("DATABASE_URL_UNPOOLED", config.database_url_unpooled)
    app.extensions["engine"] = make_engine(config)
    app.teardown_appcontext(close_session)
    app.register_error_handler(DBAPIError, answer_failure)
    app.register_error_handler(PoolTimeout, answer_failure)


def session() -> Session:
    """Return the session of this request, on a connection that commits each statement by itself."""
    if "session" not in g:
        g.session = Session(current_app.extensions["engine"])
    opened: Session = g.session
    return opened


def close_session(_: BaseException | None) -> None:
    if "session" in g:
        g.pop("session").close()


def answer_failure(error: SQLAlchemyError) -> Response:
    """Answer 503 where the database cannot: gone, slow, full, read-only, out of connections."""
    if isinstance(error, OUR_MISTAKES):
        raise error
    current_app.logger.error("database unavailable", exc_info=error)
    unavailable = ServiceUnavailable(UNAVAILABLE, retry_after=RETRY_AFTER)
    unavailable.__cause__ = error
    return current_app.make_response(current_app.handle_http_exception(unavailable))


def make_engine(config: Config) -> Engine:
    """Make an engine on which a statement costs one round trip and waits a bounded time."""
    engine = create_engine(
        resolve_url(config.database_url),
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        pool_size=config.pool_size,
        max_overflow=0,
        pool_timeout=config.pool_timeout,
        pool_recycle=config.pool_recycle,
        pool_pre_ping=True,
        hide_parameters=True,
        use_native_hstore=False,
    )
    # It would ask for the version and more, under a lock that all first requests wait for.
    engine.dialect.initialize = lambda connection: None  # type: ignore[method-assign] # noqa: ARG005
    ping_only_if_readable(engine)
    limit_statements(engine, config.statement_timeout)
    event.listen(engine, "connect", read_timestamps_as_utc)
    return engine


def check_parameters(name: str, value: str) -> None:
    """Raise `ConfigError` for a parameter that libpq does not know or that stands twice."""
    query = {} if value == EMBEDDED else make_url(value).query
    once = {key: given for key, given in query.items() if isinstance(given, str)}
    if len(once) < len(query):
        raise ConfigError(f"{name} has a parameter that stands twice")
    try:
        psycopg2.extensions.make_dsn(**once)
    except psycopg2.ProgrammingError as error:
        raise ConfigError(f"{name} has a parameter that libpq refuses: {error}") from None


def resolve_url(value: str) -> URL:
    """Return where to connect to, starting the embedded PostgreSQL where the setting asks for it.

    The driver is named: SQLAlchemy takes `postgresql` for psycopg 3, and `postgres` for nothing.
    """
    url = make_url(embedded.start(EMBEDDED_FOLDER) if value == EMBEDDED else value)
    return url.set(drivername="postgresql+psycopg2", query=CONNECTION_DEFAULTS | dict(url.query))


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
