"""A user's account: the row that orders their changes, and its erasure."""

from todo_api.accounts.views import blp

__all__ = ["blp"]
