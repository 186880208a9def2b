"""This machine's clock, which decides when a token expires, compared with the database's."""

from time import time

from todo_api.http.auth import LEEWAY

MAX_DIFFERENCE = LEEWAY / 2
"""Seconds. The clock of Better Auth's server needs a part of the leeway too."""


def seconds_behind(database: float, asked: float) -> float:
    """Return how far this machine's clock is behind the database's: negative if it is ahead.

    The database read its clock between the time that it was ``asked`` and now. So a slow response
    is no difference.
    """
    return max(database - time(), 0) + min(database - asked, 0)
