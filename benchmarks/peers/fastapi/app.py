"""The same tasks with FastAPI, SQLModel and asyncpg, as their documentation recommends."""

import os
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Annotated, Any

import jwt
from fastapi import Depends, FastAPI, HTTPException, Path, Query, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict
from sqlalchemy import ARRAY, BigInteger, Column, DateTime, FetchedValue, Identity, Text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlmodel import Field, SQLModel, col, select

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

engine = create_async_engine(
    os.environ["DATABASE_URL"],
    pool_size=10,
    max_overflow=0,
    pool_pre_ping=True,
    pool_recycle=3600,
)
sessions = async_sessionmaker(engine, expire_on_commit=False)

app = FastAPI()
app.add_middleware(
    CORSMiddleware,
    allow_origins=["http://localhost:3000"],
    allow_credentials=True,
    allow_methods=["*"],
    allow_headers=["*"],
)


def now() -> datetime:
    return datetime.now(UTC)


def timestamp() -> Any:
    return Column(DateTime(timezone=True), nullable=False)


class Task(SQLModel, table=True):  # type: ignore[call-arg] # mypy runs without SQLModel
    __tablename__ = "tasks"

    id: int | None = Field(
        default=None,
        sa_column=Column(BigInteger, Identity(always=True), FetchedValue(), primary_key=True),
    )
    user_id: str = Field(primary_key=True)
    title: str
    description: str | None = None
    completed: bool = False
    created_at: datetime = Field(default_factory=now, sa_column=timestamp())
    updated_at: datetime = Field(default_factory=now, sa_column=timestamp())
    completed_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    priority: str = "medium"
    due_date: date | None = None
    tags: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(Text), nullable=False))


class NewTask(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    title: Title
    description: Description | None = None
    completed: bool = False
    priority: Priority = "medium"
    due_date: DueDate | None = None
    tags: Tags = []


class TaskChanges(NewTask):
    title: Title = ""


class TaskOut(BaseModel):
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


async def get_session() -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session


async def get_user(
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())],
) -> str:
    try:
        return subject(credentials.credentials)
    except jwt.InvalidTokenError:
        raise HTTPException(401, "A valid bearer token is required") from None


Session = Annotated[AsyncSession, Depends(get_session)]
User = Annotated[str, Depends(get_user)]
TaskId = Annotated[int, Path(ge=1, le=MAX_ID)]


async def find(task_id: int, session: AsyncSession, user: str) -> Task:
    found = await session.execute(select(Task).where(Task.id == task_id, Task.user_id == user))
    task: Task | None = found.scalar_one_or_none()
    if task is None:
        raise HTTPException(404, "Task not found")
    return task


async def save(task: Task, session: AsyncSession, was_completed: bool = False) -> Task:
    task.updated_at = now()
    if task.completed != was_completed:
        task.completed_at = now() if task.completed else None
    session.add(task)
    await session.commit()
    await session.refresh(task)
    return task


@app.get("/api/tasks", response_model=list[TaskOut])
async def list_tasks(
    response: Response,
    session: Session,
    user: User,
    status: Status = "all",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: str | None = None,
) -> Any:
    tasks = select(Task).where(Task.user_id == user)
    if status != "all":
        tasks = tasks.where(Task.completed == (status == "completed"))
    if cursor:
        try:
            position = read_cursor(cursor)
        except ValueError:
            raise HTTPException(422, "Not a cursor") from None
        tasks = tasks.where(tuple_(Task.created_at, Task.id) < position)
    tasks = tasks.order_by(col(Task.created_at).desc(), col(Task.id).desc()).limit(limit + 1)
    rows = (await session.execute(tasks)).scalars().all()
    if len(rows) > limit:
        following = write_cursor(rows[limit - 1].created_at, rows[limit - 1].id)
        response.headers["Link"] = (
            f'</api/tasks?status={status}&limit={limit}&cursor={following}>; rel="next"'
        )
    return rows[:limit]


@app.post("/api/tasks", status_code=201, response_model=TaskOut)
async def create_task(new: NewTask, response: Response, session: Session, user: User) -> Any:
    task = await save(Task(user_id=user, **new.model_dump()), session)
    response.headers["Location"] = f"/api/tasks/{task.id}"
    return task


@app.get("/api/tasks/{task_id}", response_model=TaskOut)
async def get_task(task_id: TaskId, session: Session, user: User) -> Any:
    return await find(task_id, session, user)


@app.patch("/api/tasks/{task_id}", response_model=TaskOut)
async def update_task(task_id: TaskId, changes: TaskChanges, session: Session, user: User) -> Any:
    task = await find(task_id, session, user)
    was_completed = task.completed
    for name, value in changes.model_dump(exclude_unset=True).items():
        setattr(task, name, value)
    return await save(task, session, was_completed)


@app.patch("/api/tasks/{task_id}/complete", response_model=TaskOut)
async def toggle_task_complete(task_id: TaskId, session: Session, user: User) -> Any:
    task = await find(task_id, session, user)
    task.completed = not task.completed
    return await save(task, session, not task.completed)


@app.delete("/api/tasks/{task_id}", status_code=204)
async def delete_task(task_id: TaskId, session: Session, user: User) -> None:
    await session.delete(await find(task_id, session, user))
    await session.commit()
