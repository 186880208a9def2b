"""The `flask` commands of this service."""

from time import time

import click
import jwt
from flask import Flask, current_app
from flask.cli import with_appcontext

from todo_api.auth import SUBJECT


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
    settings = current_app.config["SETTINGS"]
    now = int(time())
    claims = {"sub": user, "iat": now, "exp": now + minutes * 60}
    claims |= {"aud": settings.jwt_audience} if settings.jwt_audience else {}
    claims |= {"iss": settings.jwt_issuer} if settings.jwt_issuer else {}
    click.echo(jwt.encode(claims, settings.token_keys[0], algorithm="HS256"))
