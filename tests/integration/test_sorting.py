"""Sort orders, and the pages of each."""

import uuid
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.support.api import create, pages, query_error, second_page_of
from tests.support.client import Client, Token
from todo_api.database.models import tasks
from todo_api.tasks.paging import BAD_CURSOR_MESSAGE, SORTS, sort_key

RANKS = {"low": 0, "medium": 1, "high": 2}


@pytest.mark.parametrize("sort", ["", "id", "Title", "--title", "+title", "title,id", "user_id"])
def test_invalid_sort_is_named_in_the_error(client: Client, sort: str) -> None:
    response = client.get("/api/tasks", query_string={"sort": sort})
    message = f"Must be one of: {', '.join(SORTS)}."
    expected = query_error("sort", message, code="not_in_list")
    assert (response.status_code, response.json) == (400, expected)


@pytest.mark.parametrize("sort", SORTS)
def test_no_sort_key_is_null(app: Flask, client: Client, sort: str) -> None:
    """PostgreSQL compares no row with a NULL, so pages would lose tasks."""
    task = create(client)  # every column that may be null is null
    is_null = sort_key(sort, tasks.c[sort.removeprefix("-")]).is_(None)
    with app.extensions["engine"].connect() as connection:
        found = connection.execute(sa.select(is_null).where(tasks.c.id == task["id"])).scalar_one()
    assert found is False, f"use coalesce for {sort} in sort_key of todo_api/tasks/paging.py"


def in_order(found: Iterable[dict[str, Any]], sort: str) -> list[dict[str, Any]]:
    """Sort tasks as docs/api.md specifies."""
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    keys: dict[str, Any] = {
        "title": lambda task: task["title"].lower(),
        "priority": lambda task: RANKS[task["priority"]],
        "due_date": lambda task: task["due_date"] or ("" if descending else "~"),
    }
    key = keys.get(name, lambda task: task[name])
    return sorted(found, key=lambda task: (key(task), task["id"]), reverse=descending)


DAYS = [None, *(date(2026, 1, 1) + timedelta(days) for days in range(3))]


@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "title": st.sampled_from(["a", "A", "b", "É", "é", "~", "a\\b", "%"]),
                "due_date": st.sampled_from(DAYS),
                "priority": st.sampled_from(list(RANKS)),
                "completed": st.booleans(),
                "updated_at": st.sampled_from([f"2026-01-0{day}T00:00:00Z" for day in (1, 2)]),
            }
        ),
        max_size=9,
    ),
    limit=st.integers(1, 10),
    status=st.sampled_from(["all", "active"]),
)
@example(  # the lower case, the rank and the null matter to its orders
    rows=[
        {"title": "a", "priority": "medium", "due_date": None},
        {"title": "B", "priority": "low", "due_date": DAYS[1]},
        {"title": "C", "priority": "high", "due_date": DAYS[2]},
    ],
    limit=1,
    status="all",
)
def test_pages_together_equal_the_whole_list_in_every_order(
    app: Flask, token: Token, rows: list[dict[str, Any]], limit: int, status: str
) -> None:
    user = f"user-{uuid.uuid4().hex}"
    client = Client(app, token(user))
    if rows:
        with app.extensions["engine"].connect() as connection:
            connection.execute(sa.insert(tasks), [{"user_id": user} | row for row in rows])
    whole = client.get(f"/api/tasks?status={status}").json
    for sort in SORTS:
        found = pages(client, f"/api/tasks?status={status}&sort={sort}&limit={limit}")
        in_pages = [task for page in found for task in page]
        shown = ("id", sort.removeprefix("-"))
        same = in_pages == (expected := in_order(whole, sort))
        assert same, (
            f"correct sort_key or page_of in todo_api/tasks/paging.py: sort={sort}&limit={limit}"
            f" returns {[[task[name] for name in shown] for task in in_pages]} instead of"
            f" {[[task[name] for name in shown] for task in expected]}"
        )
        sizes = [len(page) for page in found[:-1]]
        assert sizes == [limit] * (len(found) - 1), f"sort={sort} has pages of {sizes}"


@pytest.mark.parametrize("sort", SORTS)
def test_cursor_is_valid_only_for_its_sort(varied: Client, sort: str) -> None:
    cursor = second_page_of(varied, f"sort={sort}&limit=1").partition("cursor=")[2]
    for other in SORTS:
        response = varied.get(f"/api/tasks?sort={other}&cursor={cursor}")
        if other == sort:
            assert response.status_code == 200
        else:
            assert (response.status_code, response.json) == (
                400,
                query_error("cursor", BAD_CURSOR_MESSAGE),
            )


def test_altered_or_truncated_cursor_is_rejected(varied: Client) -> None:
    cursor = second_page_of(varied, "sort=title&limit=1").partition("cursor=")[2]
    altered = [cursor[:at] for at in range(len(cursor))]
    altered += [
        cursor[:at] + other + cursor[at + 1 :]
        for at in range(len(cursor))
        for other in ("A", "B", ".", "_")
        if other != cursor[at]
    ]
    altered += [cursor + "A", cursor + "=", f".{cursor}", cursor.partition(".")[0]]
    for forged in altered:
        response = varied.get("/api/tasks", query_string={"sort": "title", "cursor": forged})
        assert (response.status_code, response.json) == (
            400,
            query_error("cursor", BAD_CURSOR_MESSAGE),
        ), forged


def test_task_changed_while_paging_moves_across_the_cursor(client: Client) -> None:
    created = [create(client, title=title) for title in "bdf"]
    second_page = second_page_of(client, "sort=title&limit=2")
    assert [task["title"] for task in client.get(second_page).json] == ["f"]
    client.patch(f"/api/tasks/{created[1]['id']}", json={"title": "e"})
    assert [task["title"] for task in client.get(second_page).json] == ["e", "f"]
    client.patch(f"/api/tasks/{created[2]['id']}", json={"title": "a"})
    assert [task["title"] for task in client.get(second_page).json] == ["e"]
    first = client.get("/api/tasks?sort=title&limit=2").json
    assert [task["title"] for task in first] == ["a", "b"]
