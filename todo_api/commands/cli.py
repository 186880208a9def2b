"""The `flask` commands of this service, and what `flask run` and `flask db` need to start."""

import re
import sys

import click
from flask import Flask
from flask.cli import AppGroup, with_appcontext
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.serving import is_running_from_reloader

from todo_api.accounts.recount import recount
from todo_api.commands.run import check_port, greet
from todo_api.commands.seed import seed
from todo_api.commands.token import token
from todo_api.database.schema_check import MIGRATIONS
from todo_api.tasks.purge import purge


def command_name() -> str:
    """Return the `flask` command of this process, or an empty string under another server.

    For a command of the application, `flask` loads the application before it knows the command.
    Then this parses the arguments.
    """
    context = click.get_current_context(silent=True)
    if context is None:
        return ""
    if context.parent:
        return str(context.info_name)
    _, words, _ = context.command.make_parser(context).parse_args(sys.argv[1:])
    return [*words, "help"][0]


def init_app(app: Flask) -> None:
    for command in (token, seed, tasks, doctor):
        app.cli.add_command(command)


def prepare(app: Flask, command: str) -> None:
    """Set up what `flask db` and `flask run` need of the application."""
    if command in ("db", "help"):
        support_migrations(app)
    if command == "run" and not is_running_from_reloader():
        options = click.get_current_context().params
        check_port(options["host"], options["port"])
        greet(app, f"http://localhost:{options['port']}")


def support_migrations(app: Flask) -> Flask:
    """Add `flask db` to the application. It loads Alembic, which is large."""
    from flask_migrate import Migrate

    Migrate(directory=str(MIGRATIONS)).init_app(app)
    return app


@click.command()
@with_appcontext
def doctor() -> None:
    """Check the settings, the database and the rights of its role."""
    from todo_api.commands.doctor import examine  # not loaded in a process that serves

    sys.exit(not examine())


UNAVAILABLE = (
    "The database is unavailable. The log line above says why. Run: flask doctor. Then {} again."
)
tasks = AppGroup("tasks", help="Look after the stored tasks.")


def days(_: click.Context, __: click.Parameter, value: str) -> int:
    """Return the days of a value such as 30d."""
    if not re.fullmatch(r"[0-9]{1,5}d", value):
        raise click.BadParameter("must be a number of days, such as 30d")
    return int(value[:-1])


@tasks.command("recount")
def recount_tasks() -> None:
    """Count the tasks of every user again, for the quota."""
    try:
        click.echo(f"counted the tasks of {recount()} users")
    except ServiceUnavailable:
        raise click.ClickException(UNAVAILABLE.format("recount")) from None


@tasks.command("purge")
@click.option(
    "--older-than", required=True, callback=days, help="Days in the trash, such as 30d; 0d for all."
)
def purge_tasks(older_than: int) -> None:
    """Remove tasks from the trash for good, and print how many."""
    try:
        click.echo(f"purged {purge(older_than)} tasks")
    except ServiceUnavailable:
        raise click.ClickException(UNAVAILABLE.format("purge")) from None
