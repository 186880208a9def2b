"""How Alembic reaches the database: directly, one run at a time, waiting for no lock long."""

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
    url = resolve_url(settings.database_url_unpooled or settings.database_url)
    if context.is_offline_mode():
        configure(url=url, literal_binds=True)
        with context.begin_transaction():
            context.run_migrations()
    else:
        run_online(url)


def run_online(url: URL) -> None:
    if "-pooler" in (url.host or ""):
        logger.warning(
            "DATABASE_URL_UNPOOLED is not set: migrating through a pooler, which can break"
        )
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
    with engine.connect() as connection:
        configure(connection=connection)
        with context.begin_transaction():
            # Both end with the transaction, so that they hold through a pooler too.
            connection.execute(text(f"SELECT pg_advisory_xact_lock({ONE_AT_A_TIME})"))
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
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
