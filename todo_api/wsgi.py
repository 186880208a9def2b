"""The application as gunicorn, the `flask` command and other WSGI servers load it.

It sets up the log of the process. It ends the process if a setting is invalid.
"""

import logging
import sys

import click
from flask import Flask
from flask.helpers import get_debug_flag

from todo_api import create_app, logs
from todo_api.commands import cli
from todo_api.config import Config, ConfigError
from todo_api.database.url import connection_parameters

NO_RESTART = 4
"""The exit code after which gunicorn does not start a worker again."""


def load() -> Flask:
    """Make the application, with the settings of migrations for `flask db`, or else with all."""
    command = cli.command_name()
    try:
        config = Config.for_migrations() if command == "db" else Config.from_env()
    except ConfigError as error:
        report(error.problems, command)
        sys.exit(1 if command else NO_RESTART)
    logs.set_up(config.log_level, debug=get_debug_flag())
    app = create_app(config)
    cli.prepare(app, command)
    if command in ("run", ""):
        # An embedded database starts here, where it may handle signals.
        connection_parameters(config.database_url)
    return app


def report(problems: tuple[str, ...], command: str) -> None:
    """Write a line for each invalid setting: for people under `flask`, or else to the log."""
    if command:
        click.echo("\n".join(problems), err=True)
        return
    logs.set_up("INFO")
    for problem in problems:
        logging.getLogger(__name__).error(problem)


app = load()
