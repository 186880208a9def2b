"""The engine, the session of each thread, and the translation of database failures."""

from time import perf_counter
from typing import Any, cast

import sqlalchemy as sa
from flask import Flask, has_request_context
from psycopg2.errors import QueryCanceled, ReadOnlySqlTransaction
from sqlalchemy import exc
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from werkzeug.exceptions import ServiceUnavailable

from todo_api.config import Config
from todo_api.context import application, current_request, request_state, settings
from todo_api.database.dialect import DRIVER, cursor_with_timeout, read_timestamps_as_utc
from todo_api.database.turns import Turns
from todo_api.database.url import connection_parameters
from todo_api.errors import RETRY_AFTER, RETRY_SLOW_AFTER, SLOW_MESSAGE, UNAVAILABLE_MESSAGE
from todo_api.failures import NOT_SET_UP, failure_reason, sqlstate
from todo_api.logs import is_due, route_of

OUR_ERRORS = (exc.DataError, exc.IntegrityError, exc.NotSupportedError, exc.ProgrammingError)


def init_app(app: Flask, config: Config) -> None:
    engine = make_engine(config)
    app.extensions["engine"] = engine
    # A thread keeps its session: to make one takes a thirtieth of a GET.
    app.extensions["sessions"] = scoped_session(sessionmaker(engine, autoflush=False))
    app.extensions["turns"] = Turns(config)
    app.teardown_appcontext(close_session)
    app.teardown_request(end_turn)


def execute(statement: sa.Executable, **values: Any) -> sa.CursorResult[Any]:
    """Execute a statement in the session of this thread.

    Raises `ServiceUnavailable` where the database cannot answer: it is gone, slow, full, read-only,
    out of connections, or lacks the schema or a right. A statement of a user that took too long has
    a message of its own: it may have too much to read.
    """
    started = perf_counter()
    try:
        result = application().extensions["sessions"].execute(statement, values)
    except (exc.DBAPIError, exc.TimeoutError) as error:
        if isinstance(error, OUR_ERRORS) and sqlstate(error) not in NOT_SET_UP:
            raise
        log_failure(error)
        if "owner" in values and isinstance(error.__cause__, QueryCanceled):
            raise ServiceUnavailable(SLOW_MESSAGE, retry_after=RETRY_SLOW_AFTER) from error
        raise ServiceUnavailable(UNAVAILABLE_MESSAGE, retry_after=RETRY_AFTER) from error
    if (seconds := perf_counter() - started) >= settings().slow_statement:
        log_slow(seconds)
    return cast("sa.CursorResult[Any]", result)


def execute_for_user(statement: sa.Executable, **values: Any) -> sa.CursorResult[Any]:
    """Execute a statement for the user of the token, which is its bind ``owner``.

    The first one of a request waits for the user's turn, and the request keeps it until it ends.
    """
    state = request_state()
    if "has_turn" not in state:
        application().extensions["turns"].begin(state.user)
        state.has_turn = True
    return execute(statement, owner=state.user, **values)


def end_turn(_: BaseException | None) -> None:
    """Let the next request of the user begin."""
    state = request_state()
    if state.pop("has_turn", False):
        application().extensions["turns"].end(state.user)


def log_failure(error: exc.DBAPIError | exc.TimeoutError) -> None:
    """Log in one line why the database cannot answer. Once a minute, add the traceback."""
    in_use = "all connections are in use"
    reason = failure_reason(error) if isinstance(error, exc.DBAPIError) else in_use
    traced = error if is_due("traceback") else None
    application().logger.error("database unavailable", extra={"reason": reason}, exc_info=traced)


def log_slow(seconds: float) -> None:
    """Log which route waited long for the database, for a connection or for the statement."""
    fields: dict[str, Any] = {"duration_ms": round(seconds * 1000, 1)}
    if has_request_context():
        fields["route"] = route_of(current_request())
        request_state().was_slow = True
    application().logger.warning("slow statement", extra=fields)


def close_session(_: BaseException | None) -> None:
    """Give the connection back. Every statement has committed by itself."""
    sessions: scoped_session[Session] = application().extensions["sessions"]
    if sessions.registry.has():
        sessions.close()


def make_engine(config: Config) -> sa.Engine:
    """Make an engine on which a statement costs one round trip and waits a bounded time."""
    engine = sa.create_engine(
        f"{DRIVER}://",
        connect_args={"cursor_factory": cursor_with_timeout(config.statement_timeout)},
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
    sa.event.listen(engine, "connect", read_timestamps_as_utc)
    sa.event.listen(engine, "handle_error", discard_read_only)

    @sa.event.listens_for(engine, "do_connect")
    def find_database(_: sa.Dialect, __: Any, ___: Any, parameters: dict[str, Any]) -> None:
        """Say where the database is. The first connection starts an embedded PostgreSQL."""
        parameters.update(connection_parameters(config.database_url))

    return engine


def discard_read_only(context: sa.ExceptionContext) -> None:
    """Discard a connection that became read-only, so that the next one finds the new primary."""
    if isinstance(context.original_exception, ReadOnlySqlTransaction):
        context.is_disconnect = True
        context.invalidate_pool_on_disconnect = False
