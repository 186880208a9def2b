"""How Alembic reaches the database: directly, one run at a time, holding up no request for long."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep
from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import URL, Engine, NullPool, create_engine, text

from todo_api.db import resolve_url
from todo_api.models import metadata

LOCK_TIMEOUT = "5s"  # who waits for a lock on a table holds up every request that comes after
ONE_AT_A_TIME = 7_305_460_911  # the key of an advisory lock, any number that nobody else uses

logger = logging.getLogger("alembic.env")


def main() -> None:
    settings = current_app.config["SETTINGS"]
    url = resolve_url(settings.database_url_unpooled or settings.database_url)
    if context.is_offline_mode():
        configure("SESSION", url=url, literal_binds=True)
        with context.begin_transaction():
            context.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
            context.run_migrations()
    elif "-pooler" in (url.host or ""):
        logger.warning(
            "migrating through a pooler, which can break and where two releases are not kept apart;"
            " set DATABASE_URL_UNPOOLED to the direct URL"
        )
        migrate(make_engine(url), "LOCAL")  # the session is handed on to other clients
    else:
        engine = make_engine(url)
        with one_at_a_time(engine):
            migrate(engine, "SESSION")  # to outlast a migration's `autocommit_block`


def make_engine(url: URL) -> Engine:
    return create_engine(url, poolclass=NullPool, hide_parameters=True)


@contextmanager
def one_at_a_time(engine: Engine) -> Iterator[None]:
    """Wait until no other migration runs, and keep others waiting for the length of a `with`.

    It asks again and again: a statement that waits for the lock would hold a snapshot, and the
    concurrent index of the migration that it waits for would wait for that.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        turn = text(f"SELECT pg_try_advisory_lock({ONE_AT_A_TIME})")
        while not connection.execute(turn).scalar_one():
            logger.info("another migration is running")
            sleep(1)
        yield


def migrate(engine: Engine, scope: str) -> None:
    with engine.connect() as connection:
        configure(scope, connection=connection)
        with context.begin_transaction():
            connection.execute(text(f"SET {scope} lock_timeout = '{LOCK_TIMEOUT}'"))
            context.run_migrations()


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
