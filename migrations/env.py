"""How Alembic reaches the database: one run at a time, without blocking requests for long."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

import click
from alembic import context
from alembic.script.revision import ResolutionError
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from todo_api.context import settings
from todo_api.database.models import metadata
from todo_api.database.url import connection_parameters
from todo_api.failures import failure_reason, safe_words, sqlstate

DRIVER = "postgresql+psycopg2://"
LOCK_TIMEOUT = "5s"  # requests queue behind a migration that waits for a table lock
ONE_AT_A_TIME = 7_305_460_911  # the key of an advisory lock, any number that nobody else uses
DEAD_CLIENT_CHECK = "500ms"  # a killed migration's statement ends before the next run meets it
LOCK_WAIT = 300  # seconds to wait for another migration

TAKE_LOCK = text("SELECT pg_try_advisory_xact_lock(:key)").bindparams(key=ONE_AT_A_TIME)

# Not SET, which fails where a setting is unknown: some are newer than the oldest PostgreSQL in use.
SET_IF_KNOWN = text("SELECT set_config(name, :value, :local) FROM pg_settings WHERE name = :name")

# A session without a transaction holds the lock since its last statement, or for longer.
HOLDER = text(
    "SELECT pid, usename, application_name,"
    " date_trunc('second', clock_timestamp() - coalesce(xact_start, state_change)) AS age"
    " FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE locktype = 'advisory' AND granted AND objsubid = 1"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND classid::bigint << 32 | objid::bigint = :key LIMIT 1"
).bindparams(key=ONE_AT_A_TIME)

logger = logging.getLogger("alembic.env")


CHECK_URL = "Check DATABASE_URL_UNPOOLED, or DATABASE_URL if it is not set."
# What to do about a failed statement, by its SQLSTATE.
ADVICE = {
    "42501": "Set DATABASE_URL_UNPOOLED to the URL of the role that owns the tables.",
    "55P03": "End the transactions that use the tables for long, then run flask db upgrade again.",
}
OTHER_ADVICE = "The migrations before it are done. Fix the cause, then run flask db upgrade again."
NEWER = (
    "The database is newer than this code: deploy the newer code, or go back with its"
    " flask db downgrade."
)


def main() -> None:
    """Migrate. A failure is one line with its cause and what to do."""
    try:
        run()
    except DBAPIError as error:
        raise CommandError(failure_cause(error)) from None
    except CommandError as error:
        if isinstance(error.__cause__, ResolutionError):
            raise CommandError(f"{error}. {NEWER}") from None
        raise


def failure_cause(error: DBAPIError) -> str:
    """Return the SQLSTATE, the words of the server and what to do. The detail may quote a row."""
    code = sqlstate(error)
    if code is None:
        return failure_reason(error, CHECK_URL)
    words = safe_words(error.orig)  # type: ignore[arg-type]
    return f"{words}. {ADVICE.get(code, OTHER_ADVICE)}"


def run() -> None:
    config = settings()
    if context.is_offline_mode():
        configure("SESSION", url=DRIVER, literal_binds=True)
        with context.begin_transaction():
            context.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
            context.run_migrations()
        return
    parameters = connection_parameters(config.database_url_unpooled or config.database_url)
    if "-pooler" in parameters.get("host", ""):
        logger.warning(
            "migrating through a pooler, which can break statements outside a transaction;"
            " set DATABASE_URL_UNPOOLED to the direct URL"
        )
    engine = create_engine(
        DRIVER,
        connect_args=parameters,
        poolclass=NullPool,
        hide_parameters=True,
        isolation_level="READ COMMITTED",
    )
    with one_at_a_time(engine, lock_wait()):
        migrate(engine)


def lock_wait() -> float:
    """Return the seconds to wait for another migration: `flask db upgrade -x lock_wait=10`."""
    given = context.get_x_argument(as_dictionary=True).get("lock_wait", str(LOCK_WAIT))
    try:
        return int(given)
    except ValueError:
        raise CommandError("lock_wait must be a number of seconds, as in lock_wait=10") from None


@contextmanager
def one_at_a_time(engine: Engine, seconds: float) -> Iterator[None]:
    """Hold the migration lock for the length of a `with`, waiting up to ``seconds`` for it.

    The lock belongs to an open transaction on a connection of its own, so it works through a
    transaction pooler and ends with the connection. READ COMMITTED keeps no snapshot between
    statements, so no concurrent index waits for this transaction.
    """
    with engine.connect() as connection:
        deadline = monotonic() + seconds
        while not connection.execute(TAKE_LOCK).scalar_one():
            holder = describe_holder(connection)
            connection.rollback()
            if monotonic() > deadline:
                raise CommandError(
                    f"gave up after {seconds:g} s: another migration holds the lock ({holder});"
                    " if it is gone, end its session with SELECT pg_terminate_backend(pid)"
                )
            logger.info("another migration is running (%s)", holder)
            sleep(1)
        for name in ("idle_in_transaction_session_timeout", "transaction_timeout"):
            connection.execute(SET_IF_KNOWN, {"name": name, "value": "0", "local": True})
        yield


def describe_holder(connection: Connection) -> str:
    row = connection.execute(HOLDER).one_or_none()
    if row is None:
        return "it has just ended"
    return f"pid {row.pid}, role {row.usename}, application {row.application_name}, age {row.age}"


def migrate(engine: Engine) -> None:
    with engine.connect() as connection:
        event.listen(connection, "begin", set_limits)
        event.listen(connection, "commit", reset_session)
        configure("LOCAL", connection=connection)
        if is_upgrade() and (unknown := unknown_revision()):
            logger.warning(
                "The database has revision %s, which this version does not know:"
                " a newer version made it. Nothing to upgrade.",
                unknown,
            )
            return
        with context.begin_transaction():
            context.run_migrations()


def is_upgrade() -> bool:
    """Return whether this is `flask db upgrade`, and not another command or a program."""
    command = click.get_current_context(silent=True)
    return command is not None and command.info_name == "upgrade"


def unknown_revision() -> str:
    """Return the revision of the database if no file here has it, or else an empty string."""
    known = {script.revision for script in context.script.walk_revisions()}
    return ", ".join(set(context.get_context().get_current_heads()) - known)


def set_limits(connection: Connection) -> None:
    """Set the limits of a transaction that begins, or of the session in an `autocommit_block`."""
    local = not in_autocommit(connection)
    limits = {
        "lock_timeout": LOCK_TIMEOUT,
        "client_connection_check_interval": DEAD_CLIENT_CHECK,
        "default_transaction_isolation": "read committed",
    }
    for name, value in limits.items():
        connection.execute(SET_IF_KNOWN, {"name": name, "value": value, "local": local})


def reset_session(connection: Connection) -> None:
    """Leave no setting of an `autocommit_block` behind: a pooler hands the session on."""
    if in_autocommit(connection):
        connection.exec_driver_sql("RESET ALL")


def in_autocommit(connection: Connection) -> bool:
    return connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT"


def configure(scope: str, **target: Any) -> None:
    """Set up a run of migrations, each of which begins with the lock timeout."""
    limit = f"SET {scope} lock_timeout = '{LOCK_TIMEOUT}'"
    context.configure(
        on_version_apply=lambda ctx, **_: ctx.execute(limit),
        target_metadata=metadata,
        compare_server_default=True,
        process_revision_directives=number_revision,
        **target,
    )


def number_revision(_: Any, __: Any, directives: list[Any]) -> None:
    """Name a new revision by the next number, and write none where nothing has changed."""
    (script,) = directives
    if getattr(context.config.cmd_opts, "autogenerate", False) and script.upgrade_ops.is_empty():
        directives.clear()
        logger.info("no changes in the models")
    else:
        script.rev_id = f"{int(context.script.get_current_head() or 0) + 1:04}"


main()
