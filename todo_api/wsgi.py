"""The application as gunicorn, the `flask` command and other WSGI servers load it.

It sets up the log of the process. It ends the process if a setting is invalid, or if its memory
runs out.
"""

import logging
import os
import signal
import sys
from typing import Any

import click
from flask import Flask, got_request_exception
from flask.helpers import get_debug_flag

from todo_api import create_app, logs
from todo_api.commands import cli
from todo_api.config import Config, ConfigError
from todo_api.database.schema_check import newest_migration
from todo_api.database.url import connection_parameters, describe_database
from todo_api.version import __version__

NO_RESTART = 4
"""The exit code after which gunicorn does not start a worker again."""
NO_THREAD = "can't start new thread"


def load() -> Flask:
    """Make the application, with the settings of migrations for `flask db`, or else with all."""
    command = cli.command_name()
    try:
        config = Config.for_migrations() if command == "db" else Config.from_env()
    except ConfigError as error:
        report(error.problems, command)
        sys.exit(1 if command else NO_RESTART)
    logs.set_up(config.log_level, debug=get_debug_flag(), instance=config.instance)
    app = create_app(config)
    got_request_exception.connect(end_without_memory, app)
    cli.prepare(app, command)
    if command in ("run", ""):
        # An embedded database starts here, where it may handle signals.
        connection_parameters(config.database_url)
    if not command:
        log_start(config)
    return app


def log_start(config: Config) -> None:
    """Log what this process is, and which settings it has. No line has a secret."""
    about = {
        "version": __version__,
        "schema": newest_migration(),
        "database": describe_database(config.database_url),
        "settings": config.public(),
    }
    logging.getLogger(__name__).info("started", extra=about)


def report(problems: tuple[str, ...], command: str) -> None:
    """Write a line for each invalid setting: for people under `flask`, or else to the log."""
    if command:
        click.echo("\n".join(problems), err=True)
        return
    logs.set_up("INFO")
    for problem in problems:
        logging.getLogger(__name__).error(problem)


def end_without_memory(_app: Flask, exception: BaseException, **_: Any) -> None:
    """End the process gracefully when a request failed for lack of memory.

    It may never serve again, and gunicorn starts another. A thread needs memory for its stack.
    """
    if isinstance(exception, MemoryError) or str(exception) == NO_THREAD:
        logging.getLogger(__name__).error("out of memory: this process ends")
        os.kill(os.getpid(), signal.SIGTERM)


app = load()
