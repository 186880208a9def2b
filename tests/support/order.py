"""The order by hand: requests that move a task, and the list in that order."""

from typing import Any

from tests.support.api import create, pages
from tests.support.client import Client, JsonResponse
from todo_api.limits import MAX_POSITION_LENGTH


def move(client: Client, task_id: int, **place: Any) -> JsonResponse:
    return client.patch(f"/api/tasks/{task_id}/position", json=place)


def moved(client: Client, task_id: int, **place: Any) -> dict[str, Any]:
    response = move(client, task_id, **place)
    assert response.status_code == 200, response.json
    task: dict[str, Any] = response.json
    return task


def order(client: Client, status: str = "all") -> list[int]:
    """Return the ids of a list in its order. Their positions are checked."""
    path = f"/api/tasks?sort=position&limit=500&status={status}"
    found = [task for page in pages(client, path) for task in page]
    positions = [task["position"] for task in found]
    assert positions == sorted(set(positions)), "positions are equal, or are not in order as text"
    assert max(map(len, positions), default=0) <= MAX_POSITION_LENGTH
    return [task["id"] for task in found]


def new_ids(client: Client, count: int) -> list[int]:
    """Create tasks. Return their ids in the order by hand."""
    return [create(client)["id"] for _ in range(count)][::-1]
