"""`flask token`: make a token for development, or say why one is refused."""

import json
import sys
from contextlib import suppress
from datetime import UTC, datetime
from time import time

import click
import jwt
from flask.cli import with_appcontext

from todo_api.config import Config
from todo_api.context import settings
from todo_api.http import auth
from todo_api.limits import MAX_USER_ID_LENGTH

CHECK = 'echo "$TOKEN" | flask token --check'


@click.command()
@click.argument("user", required=False)
@click.option("--minutes", default=60, show_default=True, help="How long it is valid.")
@click.option("--check", is_flag=True, help=f"Say why a token is refused: {CHECK}")
@with_appcontext
def token(user: str | None, minutes: int, check: bool) -> None:
    """Print a token of USER for curl, as Better Auth would sign it.

    With --check, read a token from standard input instead. It may also be the JSON that
    /api/auth/token of Better Auth returns.
    """
    if check and user is not None:
        raise click.UsageError(f"--check reads the token from standard input: {CHECK}")
    if check:
        check_token(sys.stdin.buffer.read().decode(errors="replace"))
        return
    if user is None:
        raise click.UsageError("Name the user of the token: flask token USER")
    check_user(user)
    click.echo(sign_token(user, minutes, settings()))


def check_user(user: str) -> None:
    if not auth.SUBJECT.fullmatch(user):
        rule = f"must be 1 to {MAX_USER_ID_LENGTH} characters and not blank"
        raise click.BadParameter(rule, param_hint="USER")


def sign_token(user: str, minutes: int, config: Config) -> str:
    now = int(time())
    claims = {"sub": user, "iat": now, "exp": now + minutes * 60}
    claims |= {"aud": config.jwt_audience} if config.jwt_audience else {}
    claims |= {"iss": config.jwt_issuer} if config.jwt_issuer else {}
    return jwt.encode(claims, config.token_keys[0], algorithm="HS256")


def check_token(text: str) -> None:
    """Print whether a token is accepted, and why not. Exit with 1 if it is refused."""
    token = read_token(text)
    try:
        if not token:
            raise auth.NoToken
        say("accepted", f"The user is {auth.subject(token, settings())}.", describe_token(token))
    except auth.NoToken as error:
        say(f"refused: {error.reason}", auth.AUTH_FAILURES[error.reason], describe_token(token))
        sys.exit(1)


def read_token(text: str) -> str:
    """Return the token of a text: alone, after `Bearer`, or in the JSON of Better Auth."""
    with suppress(ValueError, TypeError, KeyError, RecursionError):  # it is not that JSON
        text = str(json.loads(text)["token"])
    return text.strip().removeprefix("Bearer ").strip()


def say(*lines: str) -> None:
    """Print lines. Control characters of a token could change the terminal: print `?` instead."""
    for line in filter(None, lines):
        click.echo("".join(c if c.isprintable() else "?" for c in line))


def describe_token(token: str) -> str:
    """Return the algorithm and the claims of a token, without a check of its signature."""
    try:
        claimed = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, RecursionError, UnicodeError):
        return ""
    claims = ", ".join(describe_claim(*claim) for claim in claimed["payload"].items())
    return f"It says: alg {claimed['header'].get('alg')}, {claims}. It is {utc(time())} now."


def describe_claim(name: str, value: object) -> str:
    """Return the name of a claim, and its value where a token is often refused for it."""
    if name in auth.NUMERIC_DATES and auth.is_numeric_date(value):
        with suppress(ValueError, OverflowError, OSError):  # a year that datetime cannot represent
            return f"{name} {utc(float(str(value)))}"
    return f"{name} {value!r}" if name in ("aud", "iss") else name


def utc(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
