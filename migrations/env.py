"""How Alembic reaches the database: directly, one run at a time, holding up no request for long."""

import logging
from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import URL, NullPool, create_engine, text

from todo_api.db import resolve_url
from todo_api.models import metadata

LOCK_TIMEOUT = "5s"  # who waits for a lock on a table holds up every request that comes after
ONE_AT_A_TIME = 7_305_460_911  # the key of an advisory lock, any number that nobody else uses

logger = logging.getLogger("alembic.env")


def main() -> None:
    settings = current_app.config["SETTINGS"]
    name = "DATABASE_URL_UNPOOLED" if settings.database_url_unpooled else "DATABASE_URL"
    url = resolve_url(name, getattr(settings, name.lower()))
    if context.is_offline_mode():
        configure(url=url, literal_binds=True)
        with context.begin_transaction():
            context.run_migrations()
    else:
        run_online(url)


def run_online(url: URL) -> None:
    pooled = "-pooler" in (url.host or "")
    if pooled:
        logger.warning(
            "migrating through a pooler, which can break;"
            " set DATABASE_URL_UNPOOLED to the direct URL"
        )
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
    with engine.connect() as connection:
        configure(connection=connection)
        with context.begin_transaction():
            # For the session, so that they outlast a migration's `autocommit_block`. A pooler
            # would hand the session on: there, for the transaction.
            one_at_a_time = "pg_advisory_xact_lock" if pooled else "pg_advisory_lock"
            connection.execute(text(f"SELECT {one_at_a_time}({ONE_AT_A_TIME})"))
            scope = "LOCAL" if pooled else "SESSION"
            connection.execute(text(f"SET {scope} lock_timeout = '{LOCK_TIMEOUT}'"))
            context.run_migrations()


def configure(**target: Any) -> None:
    context.configure(
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
