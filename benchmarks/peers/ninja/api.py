"""The same tasks with Django Ninja, as its documentation recommends."""

from datetime import date, datetime
from typing import Annotated, Any

import jwt
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import NinjaAPI, Path, Query, Schema
from ninja.errors import HttpError
from ninja.security import HttpBearer
from pydantic import ConfigDict

from benchmarks.peers.ninja.models import Task
from benchmarks.peers.shared import (
    MAX_ID,
    Description,
    DueDate,
    Priority,
    Status,
    Tags,
    Title,
    read_cursor,
    subject,
    write_cursor,
)


class Bearer(HttpBearer):
    def authenticate(self, request: HttpRequest, token: str) -> str | None:  # noqa: ARG002
        try:
            return subject(token)
        except jwt.InvalidTokenError:
            return None


api = NinjaAPI(auth=Bearer())

TaskId = Annotated[int, Path(ge=1, le=MAX_ID)]


class NewTask(Schema):
    model_config = ConfigDict(extra="forbid", strict=True)

    title: Title
    description: Description | None = None
    completed: bool = False
    priority: Priority = "medium"
    due_date: DueDate | None = None
    tags: Tags = []  # noqa: RUF012 pydantic copies it


class TaskChanges(NewTask):
    title: Title = ""


class TaskOut(Schema):
    id: int
    user_id: str
    title: str
    description: str | None
    completed: bool
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    priority: str
    due_date: date | None
    tags: list[str]


def find(request: Any, task_id: int) -> Task:
    task: Task = get_object_or_404(Task, user_id=request.auth, id=task_id)
    return task


def save(task: Task, was_completed: bool) -> Task:
    if task.completed != was_completed:
        task.completed_at = timezone.now() if task.completed else None
    task.save()
    return task


@api.get("/tasks", response=list[TaskOut])
def list_tasks(
    request: Any,
    response: HttpResponse,
    status: Status = "all",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: str | None = None,
) -> list[Task]:
    tasks: QuerySet[Task] = Task.objects.filter(user_id=request.auth)
    if status != "all":
        tasks = tasks.filter(completed=status == "completed")
    if cursor:
        try:
            created_at, task_id = read_cursor(cursor)
        except ValueError:
            raise HttpError(422, "Not a cursor") from None
        tasks = tasks.filter(created_at__lte=created_at)
        tasks = tasks.exclude(created_at=created_at, id__gte=task_id)
    rows = list(tasks.order_by("-created_at", "-id")[: limit + 1])
    if len(rows) > limit:
        following = write_cursor(rows[limit - 1].created_at, rows[limit - 1].id)
        response["Link"] = (
            f'</api/tasks?status={status}&limit={limit}&cursor={following}>; rel="next"'
        )
    return rows[:limit]


@api.post("/tasks", response={201: TaskOut})
def create_task(request: Any, response: HttpResponse, new: NewTask) -> tuple[int, Task]:
    completed_at = timezone.now() if new.completed else None
    task = Task.objects.create(user_id=request.auth, completed_at=completed_at, **new.dict())
    response["Location"] = f"/api/tasks/{task.id}"
    return 201, task


@api.get("/tasks/{task_id}", response=TaskOut)
def get_task(request: Any, task_id: TaskId) -> Task:
    return find(request, task_id)


@api.patch("/tasks/{task_id}", response=TaskOut)
def update_task(request: Any, task_id: TaskId, changes: TaskChanges) -> Task:
    task = find(request, task_id)
    was_completed = task.completed
    for name, value in changes.dict(exclude_unset=True).items():
        setattr(task, name, value)
    return save(task, was_completed)


@api.patch("/tasks/{task_id}/complete", response=TaskOut)
def toggle_task_complete(request: Any, task_id: TaskId) -> Task:
    task = find(request, task_id)
    task.completed = not task.completed
    return save(task, not task.completed)


@api.delete("/tasks/{task_id}", response={204: None})
def delete_task(request: Any, task_id: TaskId) -> tuple[int, None]:
    find(request, task_id).delete()
    return 204, None
