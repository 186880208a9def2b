"""The `flask` commands of this service."""

from time import time

import click
import jwt
from flask import Flask
from flask.cli import with_appcontext

from todo_api.auth import SUBJECT
from todo_api.context import settings


def init_app(app: Flask) -> None:
    app.cli.add_command(token)


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
