"""The `flask` commands of this service."""

import re
from time import time

import click
import jwt
from flask import Flask
from flask.cli import AppGroup, with_appcontext

from todo_api.auth import SUBJECT
from todo_api.context import settings
from todo_api.purge import purge


def init_app(app: Flask) -> None:
    app.cli.add_command(token)
    app.cli.add_command(tasks)


@click.command()
@click.argument("user")
@click.option("--minutes", default=60, show_default=True, help="How long it is valid.")
@with_appcontext
def token(user: str, minutes: int) -> None:
    """Print a token of USER for curl, as Better Auth would sign it."""
    if not SUBJECT.fullmatch(user):
        raise click.BadParameter("must be 1 to 255 characters and not blank", param_hint="USER")
    config = settings()
    now = int(time())
    claims = {"sub": user, "iat": now, "exp": now + minutes * 60}
    claims |= {"aud": config.jwt_audience} if config.jwt_audience else {}
    claims |= {"iss": config.jwt_issuer} if config.jwt_issuer else {}
    click.echo(jwt.encode(claims, config.token_keys[0], algorithm="HS256"))


tasks = AppGroup("tasks", help="Look after the stored tasks.")


def days(_: click.Context, __: click.Parameter, value: str) -> int:
    """Return the days of a value such as 30d."""
    if not re.fullmatch(r"[0-9]{1,5}d", value):
        raise click.BadParameter("must be a number of days, such as 30d")
    return int(value[:-1])


@tasks.command("purge")
@click.option(
    "--older-than", required=True, callback=days, help="Days in the trash, such as 30d; 0d for all."
)
def purge_tasks(older_than: int) -> None:
    """Remove tasks from the trash for good, and print how many."""
    click.echo(f"purged {purge(older_than)} tasks")
