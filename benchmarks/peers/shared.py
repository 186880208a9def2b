"""What the two peers in Python share: the limits of a task, the token and the cursor."""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import date, datetime
from typing import Annotated, Literal

import jwt
from pydantic import AfterValidator, Strict, StringConstraints
from pydantic import Field as Limits

SECRET = os.environ["BETTER_AUTH_SECRET"]


def storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain NUL characters")
    return text


Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(storable),
]
Description = Annotated[str, StringConstraints(max_length=10_000), AfterValidator(storable)]
Priority = Literal["low", "medium", "high"]
DueDate = Annotated[date, Strict(False)]
Tag = Annotated[
    str,
    StringConstraints(strip_whitespace=True, to_lower=True, min_length=1, max_length=50),
    AfterValidator(storable),
]
Tags = Annotated[
    list[Tag], Limits(max_length=10), AfterValidator(lambda tags: list(dict.fromkeys(tags)))
]
Status = Literal["all", "active", "pending", "completed"]
MAX_ID = 2**63 - 1


def subject(token: str) -> str:
    """Return the user of a token, or raise `jwt.InvalidTokenError`."""
    claims = jwt.decode(
        token,
        SECRET,
        algorithms=["HS256"],
        leeway=10,
        options={"require": ["sub", "exp", "iat"], "verify_aud": False},
    )
    user: str = claims["sub"]
    return user


def write_cursor(created_at: datetime, task_id: int) -> str:
    return urlsafe_b64encode(f"{created_at.isoformat()} {task_id}".encode()).decode()


def read_cursor(cursor: str) -> tuple[datetime, int]:
    """Return the position of a cursor, or raise `ValueError`."""
    created_at, task_id = urlsafe_b64decode(cursor).decode().split(" ")
    return datetime.fromisoformat(created_at), int(task_id)
