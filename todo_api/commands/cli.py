"""The `flask` commands of this service."""

import errno
import logging
import re
import socket
import sys
from contextlib import suppress
from datetime import UTC, datetime
from time import time

import click
import jwt
from flask import Flask
from flask.cli import AppGroup, with_appcontext
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.serving import is_running_from_reloader

from todo_api.accounts.recount import recount
from todo_api.config import Config
from todo_api.context import settings
from todo_api.database.schema_check import MIGRATIONS
from todo_api.database.url import describe_database
from todo_api.http.auth import (
    AUTH_FAILURES,
    NUMERIC_DATES,
    SUBJECT,
    NoToken,
    is_numeric_date,
    subject,
)
from todo_api.limits import MAX_USER_ID_LENGTH
from todo_api.tasks.purge import purge

GREETING = """{press}

  API    {address}/api/tasks
  docs   {address}/docs
  token  {program} token demo
  data   {place}

  Create a task from another terminal. The token in this line is valid for an hour:

curl {address}/api/tasks -H 'Content-Type: application/json' -d '{{"title": "Buy milk"}}' \
-H 'Authorization: Bearer {token}'
"""


def command_name() -> str:
    """Return the `flask` command of this process, or an empty string under another server.

    While `flask` looks for a command of the application, it does not say which.
    """
    context = click.get_current_context(silent=True)
    if context is None:
        return ""
    if context.parent:
        return str(context.info_name)
    _, words, _ = context.command.make_parser(context).parse_args(sys.argv[1:])
    return [*words, "help"][0]


def init_app(app: Flask) -> None:
    app.cli.add_command(token)
    app.cli.add_command(tasks)
    app.cli.add_command(doctor)


def prepare(app: Flask, command: str) -> None:
    """Set up what `flask db` and `flask run` need of the application."""
    if command == "db":
        support_migrations(app)
    if command == "run" and not is_running_from_reloader():
        options = click.get_current_context().params
        check_port(options["host"], options["port"])
        greet(app, f"http://localhost:{options['port']}")


def support_migrations(app: Flask) -> Flask:
    """Let Flask-Migrate run in the application. Only then Alembic is loaded: it is large."""
    from flask_migrate import Migrate

    Migrate(directory=str(MIGRATIONS)).init_app(app)
    return app


def check_port(host: str, port: int, variable: str = "FLASK_RUN_PORT") -> None:
    """Exit with one line if another program listens on the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OverflowError:
        click.echo(f"Port {port} does not exist. Set {variable} to 1 to 65535.", err=True)
        sys.exit(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            click.echo(f"Port {port} is in use. Set {variable} to another one.", err=True)
            sys.exit(1)


def greet(app: Flask, address: str) -> None:
    """Print what a developer needs next, after the last line that `flask run` prints."""

    def add_greeting(record: logging.LogRecord) -> bool:
        if "Press CTRL+C to quit" in str(record.msg):
            config = app.extensions["settings"]
            record.msg = GREETING.format(
                press=record.msg,
                address=address,
                program=program(),
                token=sign_token("demo", 60, config),
                place=describe_database(config.database_url),
            )
        return True

    logging.getLogger("werkzeug").addFilter(add_greeting)


def program() -> str:
    """Return how a shell runs `flask` as this process does."""
    return f"{sys.executable} -m flask" if sys.argv[0].endswith("__main__.py") else sys.argv[0]


@click.command()
@click.argument("user", required=False)
@click.option("--minutes", default=60, show_default=True, help="How long it is valid.")
@click.option("--check", is_flag=True, help="Say why the token on standard input is refused.")
@with_appcontext
def token(user: str | None, minutes: int, check: bool) -> None:
    """Print a token of USER for curl, as Better Auth would sign it. Or check one."""
    if check:
        check_token(sys.stdin.read())
        return
    if user is None:
        raise click.UsageError("Name the user of the token: flask token USER")
    if not SUBJECT.fullmatch(user):
        rule = f"must be 1 to {MAX_USER_ID_LENGTH} characters and not blank"
        raise click.BadParameter(rule, param_hint="USER")
    click.echo(sign_token(user, minutes, settings()))


def sign_token(user: str, minutes: int, config: Config) -> str:
    now = int(time())
    claims = {"sub": user, "iat": now, "exp": now + minutes * 60}
    claims |= {"aud": config.jwt_audience} if config.jwt_audience else {}
    claims |= {"iss": config.jwt_issuer} if config.jwt_issuer else {}
    return jwt.encode(claims, config.token_keys[0], algorithm="HS256")


def check_token(text: str) -> None:
    """Print whether a token is accepted, and why not. Exit with 1 if it is refused."""
    token = text.strip().removeprefix("Bearer ").strip()
    try:
        if not token:
            raise NoToken
        say("accepted", f"The user is {subject(token, settings())}.", describe_token(token))
    except NoToken as error:
        say(f"refused: {error.reason}", AUTH_FAILURES[error.reason], describe_token(token))
        sys.exit(1)


def say(*lines: str) -> None:
    """Print lines. A token may contain what changes the terminal: print `?` instead."""
    for line in filter(None, lines):
        click.echo("".join(c if c.isprintable() else "?" for c in line))


def describe_token(token: str) -> str:
    """Return what a token says about itself, whether true or not."""
    try:
        claimed = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, RecursionError):
        return ""
    claims = ", ".join(describe_claim(*claim) for claim in claimed["payload"].items())
    return f"It says: alg {claimed['header'].get('alg')}, {claims}. It is {utc(time())} now."


def describe_claim(name: str, value: object) -> str:
    """Return the name of a claim, and its value where a token is often refused for it."""
    if name in NUMERIC_DATES and is_numeric_date(value):
        with suppress(ValueError, OverflowError, OSError):  # a year that datetime cannot represent
            return f"{name} {utc(float(str(value)))}"
    return f"{name} {value!r}" if name in ("aud", "iss") else name


def utc(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


@click.command()
@with_appcontext
def doctor() -> None:
    """Check the settings, the database and the rights of its role."""
    from todo_api.commands.doctor import examine  # a process that serves does not need it

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
