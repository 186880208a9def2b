"""The resource: its endpoints, shapes, SQL, pages and sync."""

from todo_api.tasks import collection, item
from todo_api.tasks.blueprint import blp

__all__ = ["blp", "collection", "item"]
