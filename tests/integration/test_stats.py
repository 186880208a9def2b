"""Counts of tasks."""

from collections import Counter

import sqlalchemy as sa
from flask import Flask

from tests.support.client import Client
from todo_api.database.models import tasks


def test_stats_without_tasks_are_zero(client: Client) -> None:
    assert client.get("/api/tasks/stats").json == {
        "total": 0,
        "active": 0,
        "completed": 0,
        "by_priority": {"low": 0, "medium": 0, "high": 0},
        "by_tag": {},
    }


def test_stats_count_the_tasks_that_match_the_filters(varied: Client) -> None:
    assert varied.get("/api/tasks/stats").json == {
        "total": 4,
        "active": 3,
        "completed": 1,
        "by_priority": {"low": 1, "medium": 1, "high": 2},
        "by_tag": {"home": 2, "work": 2},
    }
    assert varied.get("/api/tasks/stats?priority=high&status=active").json == {
        "total": 1,
        "active": 1,
        "completed": 0,
        "by_priority": {"low": 0, "medium": 0, "high": 1},
        "by_tag": {"home": 1, "work": 1},
    }


def test_stats_list_the_50_most_used_tags_in_order(app: Flask, client: Client, user: str) -> None:
    uses: Counter[str] = Counter({f"tag{n:02}": 1 + n % 3 for n in range(60)})
    rows = [{"user_id": user, "title": "x", "tags": [tag]} for tag in uses.elements()]
    with app.extensions["engine"].connect() as connection:
        connection.execute(sa.insert(tasks), rows)
    by_tag = client.get("/api/tasks/stats").json["by_tag"]
    expected = sorted(uses.items(), key=lambda item: (-item[1], item[0]))[:50]
    assert list(by_tag.items()) == expected
