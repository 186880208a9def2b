"""The named examples of requests and responses in the OpenAPI document."""

from todo_api.tasks.schemas import Task

TASK = {name: field.metadata["examples"][0] for name, field in Task().fields.items()}
COMPLETED_TASK = TASK | {
    "completed": True,
    "updated_at": "2026-11-23T10:00:00.654321Z",
    "completed_at": "2026-11-23T10:00:00.654321Z",
    "version": 2,
}
MOVED_TASK = TASK | {"position": "19999999999999997.9", "version": 2}
SYNC = {
    "tasks": [COMPLETED_TASK],
    "deleted": [3],
    "next": "WyI5ZjJlIiwiYjFjOCIsMiwxXQ.kUo3vT0sYxWq4mHc8dRz1nLbE5g",
    "has_more": False,
}
MOVED = {"ids": [3, 1]}
TAGS = [{"tag": "home", "count": 2}, {"tag": "errand", "count": 1}]
DELETED = {"deleted": 2, "ids": [3, 1], "has_more": False}
STATS = {
    "total": 3,
    "active": 2,
    "completed": 1,
    "by_priority": {"low": 1, "medium": 1, "high": 1},
    "by_tag": {"home": 2, "errand": 1},
}
