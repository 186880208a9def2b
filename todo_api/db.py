"""The engine, the session of a request, and the translation of database failures."""

from pathlib import Path
from typing import Any, cast

import psycopg2
import psycopg2.extensions
from flask import Flask, current_app
from sqlalchemy import URL, CursorResult, Engine, Executable, create_engine, event, make_url
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from werkzeug.exceptions import ServiceUnavailable

from config import EMBEDDED, Config, ConfigError
from todo_api import embedded
from todo_api.context import g
from todo_api.dialect import DRIVER, limited_cursor, read_timestamps_as_utc
from todo_api.errors import RETRY_AFTER, UNAVAILABLE_MESSAGE

EMBEDDED_FOLDER = Path(__file__).parents[1] / "instance" / "postgres"
PROGRAMMING_ERRORS = (DataError, IntegrityError, NotSupportedError, ProgrammingError)

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


def init_app(app: Flask, config: Config) -> None:
    check_parameters("DATABASE_URL", config.database_url)
    if config.database_url_unpooled:
        check_parameters("DATABASE_URL_UNPOOLED", config.database_url_unpooled)
    app.extensions["engine"] = make_engine(config)
    app.teardown_appcontext(close_session)


def execute(statement: Executable, **values: Any) -> CursorResult[Any]:
    """Execute a statement in the session of this request.

    Raises `ServiceUnavailable` where the database cannot answer: it is gone, slow, full, read-only
    or out of connections.
    """
    try:
        result = session().execute(statement, values)
    except PROGRAMMING_ERRORS:
        raise
    except (DBAPIError, PoolTimeout) as error:
        current_app.logger.error("database unavailable", exc_info=error)
        raise ServiceUnavailable(UNAVAILABLE_MESSAGE, retry_after=RETRY_AFTER) from error
    return cast("CursorResult[Any]", result)


def session() -> Session:
    """Return the session of this request. Its connection commits each statement by itself."""
    if "session" not in g:
        g.session = Session(current_app.extensions["engine"])
    return g.session


def close_session(_: BaseException | None) -> None:
    if "session" in g:
        g.pop("session").close()


def make_engine(config: Config) -> Engine:
    """Make an engine on which a statement costs one round trip and waits a bounded time."""
    engine = create_engine(
        resolve_url(config.database_url).set(drivername=DRIVER),
        connect_args={"cursor_factory": limited_cursor(config.statement_timeout)},
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
    event.listen(engine, "connect", read_timestamps_as_utc)
    return engine


def check_parameters(name: str, value: str) -> None:
    """Raise `ConfigError` for a parameter that is unknown to libpq or is repeated."""
    query = {} if value == EMBEDDED else make_url(value).query
    once = {key: given for key, given in query.items() if isinstance(given, str)}
    if len(once) < len(query):
        raise ConfigError(f"{name} has a duplicate parameter")
    if once.get("client_encoding", "utf8").lower() not in ("utf8", "utf-8"):
        raise ConfigError(f"{name} has a parameter client_encoding that is not utf8: remove it")
    try:
        psycopg2.extensions.make_dsn(**once)
    except psycopg2.ProgrammingError as error:
        raise ConfigError(f"{name} has a parameter that libpq rejects: {error}") from None


def resolve_url(value: str) -> URL:
    """Return the URL to connect to. Start the embedded PostgreSQL if the setting asks for it.

    SQLAlchemy 2.1 reads `postgresql` as psycopg 3 and does not know `postgres`.
    """
    url = make_url(embedded.start(EMBEDDED_FOLDER) if value == EMBEDDED else value)
    return url.set(drivername="postgresql+psycopg2", query=CONNECTION_DEFAULTS | dict(url.query))
