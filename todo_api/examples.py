"""The named examples of requests and responses in the OpenAPI document."""

from typing import Any

TASK = {
    "id": 1,
    "user_id": "9Zi4kXoV7mJ0cQhT5sWfYbLr2uNeGdAp",
    "title": "Buy milk",
    "description": None,
    "completed": False,
    "created_at": "2026-11-23T09:30:00.123456Z",
    "updated_at": "2026-11-23T09:30:00.123456Z",
    "completed_at": None,
    "priority": "medium",
    "due_date": "2026-12-24",
    "tags": ["home", "errand"],
    "version": 1,
    "deleted_at": None,
}
COMPLETED_TASK = TASK | {
    "completed": True,
    "updated_at": "2026-11-23T10:00:00.654321Z",
    "completed_at": "2026-11-23T10:00:00.654321Z",
    "version": 2,
}
CHANGES = {
    "tasks": [COMPLETED_TASK],
    "deleted": [3],
    "next": "WyI5ZjJlIiwiYjFjOCIsMiwxXQ.kUo3vT0sYxWq4mHc8dRz1nLbE5g",
    "has_more": False,
}
STATS = {
    "total": 3,
    "active": 2,
    "completed": 1,
    "by_priority": {"low": 1, "medium": 1, "high": 1},
    "by_tag": {"home": 2, "errand": 1},
}


def named(value: Any, name: str = "example") -> dict[str, Any]:
    return {name: {"value": value}}


EXAMPLES: dict[str, tuple[dict[str, Any] | None, dict[str, Any] | None]] = {
    "listTasks": (None, named([TASK], "onePage")),
    "createTask": (
        named({"title": "Buy milk"}, "titleOnly")
        | named({"title": "Buy milk", "due_date": "2026-12-24", "tags": ["home"]}, "moreFields"),
        named(TASK, "created"),
    ),
    "updateTasks": (
        named({"ids": [3, 1], "changes": {"completed": True}}, "completeTwo"),
        named([COMPLETED_TASK], "changed"),
    ),
    "deleteCompletedTasks": (None, named({"deleted": 2}, "deleted")),
    "getTaskStats": (None, named(STATS, "counts")),
    "getTask": (None, named(TASK, "task")),
    "updateTask": (named({"title": "Buy milk"}, "newTitle"), named(TASK, "changed")),
    "replaceTask": (named({"title": "Buy milk"}, "newTitle"), named(TASK, "changed")),
    "toggleTaskComplete": (named({"completed": True}, "set"), named(COMPLETED_TASK, "completed")),
    "restoreTask": (None, named(TASK, "restored")),
    "getTaskChanges": (None, named(CHANGES, "oneChangeAndOneDeletion")),
    "getHealth": (None, named({"status": "ok"}, "alive")),
    "getReady": (None, named({"status": "ok"}, "ready")),
}
