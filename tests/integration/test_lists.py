"""Sort orders, filters, statistics and bulk changes."""

import uuid
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.api import body_error, create, next_link, pages, query_error
from tests.support.client import Client, Token
from todo_api.models import tasks
from todo_api.paging import BAD_CURSOR_MESSAGE, SORTS

RANKS = {"low": 0, "medium": 1, "high": 2}
MAX_ID = 2**63 - 1


def titles(client: Client, query: str) -> set[str]:
    response = client.get("/api/tasks", query_string=query)
    assert response.status_code == 200, response.json
    return {task["title"] for task in response.json}


def test_priority_due_date_and_tags_are_stored(client: Client) -> None:
    fields = {"priority": "high", "due_date": "2026-12-24", "tags": ["home", "errand"]}
    task = create(client, **fields)
    assert {name: task[name] for name in fields} == fields
    assert client.get(f"/api/tasks/{task['id']}").json == task
    changed = client.patch(
        f"/api/tasks/{task['id']}", json={"priority": "low", "due_date": None, "tags": []}
    ).json
    assert changed == task | {
        "priority": "low",
        "due_date": None,
        "tags": [],
        "updated_at": changed["updated_at"],
        "version": 2,
    }


@pytest.mark.parametrize("day", ["0001-01-01", "2024-02-29", "9999-12-31"])
def test_due_date_accepts_any_calendar_date(client: Client, day: str) -> None:
    assert create(client, due_date=day)["due_date"] == day


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ([" Home ", "\tERRAND\n"], ["home", "errand"]),
        (["b", "a", "B", "b "], ["b", "a"]),
        (["x" * 50 + " "], ["x" * 50]),
        (["ÉTÉ", "日本語", "🥛", "two words"], ["été", "日本語", "🥛", "two words"]),
        (['a"b', "a,b", "{}", "null", "NULL", "\\", "'"], ['a"b', "a,b", "{}", "null", "\\", "'"]),
        ([str(n) for n in range(10)], [str(n) for n in range(10)]),
    ],
)
def test_tags_are_trimmed_lower_cased_and_deduplicated(
    client: Client, sent: list[str], stored: list[str]
) -> None:
    task = create(client, tags=sent)
    assert task["tags"] == stored
    for tag in sent:
        response = client.get("/api/tasks", query_string={"tag": tag})
        assert response.json == [task]


DATE_MESSAGE = "Must be an existing date in the form YYYY-MM-DD."
PRIORITY_MESSAGE = "Must be one of: low, medium, high."


@pytest.mark.parametrize(
    ("field", "loc", "message"),
    [
        *(({"priority": value}, (), PRIORITY_MESSAGE) for value in ("", "High", "urgent")),
        ({"priority": 1}, (), "Must be a JSON string."),
        *(
            ({"due_date": value}, (), DATE_MESSAGE)
            for value in ("", "2026-02-29", "2026-1-5", "20260105", "2026-W01-1", "26-01-05", 7)
        ),
        *(
            ({"due_date": value}, (), DATE_MESSAGE)
            for value in ("2026-01-05T00:00:00Z", "\u0662026-01-05")
        ),
        ({"tags": "home"}, (), "Must be a JSON array."),
        ({"tags": ["x"] * 11}, (), "Must have at most 10 items."),
        ({"tags": [" "]}, ("0",), "Must have 1 to 50 characters."),
        ({"tags": ["ok", "x" * 51]}, ("1",), "Must have 1 to 50 characters."),
        ({"tags": ["İ" * 26]}, ("0",), "Must have 1 to 50 characters."),
        *(
            ({"tags": [f"a{end}b"]}, ("0",), "Must be one line without control characters.")
            for end in "\n\t\x1b\x85\u2028"
        ),
        ({"tags": ["a\x00b"]}, ("0",), "Must not contain NUL characters or lone surrogates."),
        ({"tags": [1]}, ("0",), "Must be a JSON string."),
    ],
)
def test_invalid_field_is_named_in_the_error(
    client: Client, field: dict[str, Any], loc: tuple[str, ...], message: str
) -> None:
    task = create(client)
    (name,) = field
    expected = body_error(name, message)
    expected["errors"][0]["loc"] = ["body", name, *loc]
    expected["detail"] = f"{'.'.join(['body', name, *loc])}: {message}"
    for method, path, body in (
        ("POST", "/api/tasks", {"title": "x"} | field),
        ("PATCH", f"/api/tasks/{task['id']}", field),
    ):
        response = client.open(path, method=method, json=body)
        assert (response.status_code, response.json) == (400, expected)
    assert client.get("/api/tasks").json == [task]


@pytest.mark.parametrize("name", ["priority", "tags"])
def test_null_is_rejected_unless_the_field_is_nullable(client: Client, name: str) -> None:
    task = create(client)
    response = client.patch(f"/api/tasks/{task['id']}", json={name: None})
    assert response.json == body_error(name, "Field may not be null.", "null")


@pytest.mark.parametrize("name", ["completed_at", "is_completed"])
def test_completed_at_cannot_be_set(client: Client, name: str) -> None:
    response = client.post("/api/tasks", json={"title": "x", name: "2026-01-01T00:00:00Z"})
    assert response.json == body_error(name, "Unknown field.", "unknown")


def test_completed_at_follows_completed(client: Client) -> None:
    task = create(client)
    path = f"/api/tasks/{task['id']}"
    done = client.patch(path, json={"completed": True}).json
    assert task["completed_at"] is None
    assert task["created_at"] < done["completed_at"]
    for same in ({"completed": True}, {"title": "y"}, {"completed": True, "title": "z"}):
        assert client.patch(path, json=same).json["completed_at"] == done["completed_at"]
    assert client.patch(path, json={"completed": False}).json["completed_at"] is None
    assert client.patch(path, json={"completed": False}).json["completed_at"] is None
    again = client.patch(f"{path}/complete").json
    assert again["completed_at"] > done["completed_at"]
    unchanged = client.patch(f"{path}/complete", json={"completed": True}).json
    assert unchanged["completed_at"] == again["completed_at"]
    assert client.patch(f"{path}/complete").json["completed_at"] is None


def test_task_created_completed_has_its_creation_time(client: Client) -> None:
    task = create(client, completed=True)
    assert task["completed_at"] == task["created_at"]


@pytest.mark.parametrize("left", [None, "2026-01-01T00:00:00Z"])
@pytest.mark.parametrize("was", [False, True])
def test_completed_at_recovers_from_writes_of_the_previous_release(
    app: Flask, client: Client, was: bool, left: str | None
) -> None:
    """During a deploy the previous release changes only `completed`."""
    path = f"/api/tasks/{create(client)['id']}"
    before = sa.update(tasks).values(completed=was, completed_at=left)
    with app.extensions["engine"].connect() as connection:
        connection.execute(before.where(tasks.c.id == int(path.rpartition("/")[2])))
    kept = client.patch(path, json={"completed": was}).json["completed_at"]
    assert kept == (left if was else None)
    assert client.patch(path, json={"completed": False}).json["completed_at"] is None
    assert client.patch(f"{path}/complete").json["completed_at"] > "2026-01-02"


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("MILK", {"Buy milk", "Cereal"}),
        ("été", {"ÉTÉ 100%"}),
        ("100%", {"ÉTÉ 100%"}),
        ("%", {"ÉTÉ 100%"}),
        ("_", {"snake_case"}),
        ("e_c", {"snake_case"}),
        ("\\", {"back\\slash"}),
        ("k\\s", {"back\\slash"}),
        ("'", {"it's"}),
        (" ", {"Buy milk", "ÉTÉ 100%", "Cereal"}),
        ("", {"Buy milk", "ÉTÉ 100%", "Cereal", "snake_case", "back\\slash", "it's"}),
        ("nothing", set()),
        ("%s", set()),
        ("x" * 200, set()),
    ],
)
def test_search_is_literal_and_ignores_case(client: Client, q: str, found: set[str]) -> None:
    for title in ("Buy milk", "ÉTÉ 100%", "snake_case", "back\\slash", "it's"):
        create(client, title=title)
    create(client, title="Cereal", description="with Milk")
    response = client.get("/api/tasks", query_string={"q": q})
    assert {task["title"] for task in response.json} == found


@pytest.fixture
def varied(client: Client) -> Client:
    """A client whose user has four different tasks."""
    create(client, title="a", priority="low", due_date="2026-01-01", tags=["home"])
    create(client, title="b", priority="high", due_date="2026-01-02", tags=["work", "home"])
    create(client, title="c", priority="high", tags=["work"], completed=True)
    create(client, title="d", due_date="2026-01-03")
    return client


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "abcd"),
        ("priority=high", "bc"),
        ("priority=high&priority=low", "abc"),
        ("priority=low&priority=low", "a"),
        ("tag=home", "ab"),
        ("tag=home&tag=work", "b"),
        ("tag=home&tag=nowhere", ""),
        ("due_before=2026-01-02", "ab"),
        ("due_after=2026-01-02", "bd"),
        ("due_after=2026-01-02&due_before=2026-01-02", "b"),
        ("due_after=2026-01-03&due_before=2026-01-01", ""),
        ("status=active&priority=high", "b"),
        ("status=completed&due_before=9999-12-31", ""),
        ("q=b&tag=work&priority=high&status=active&due_before=2026-01-02", "b"),
    ],
)
def test_filters_are_combined_with_and(varied: Client, query: str, found: str) -> None:
    assert titles(varied, query) == set(found)
    assert varied.get("/api/tasks/stats", query_string=query).json["total"] == len(found)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=" + "x" * 201, query_error("q", "Must have at most 200 characters.")),
        ("q=a&q=b", query_error("q", "Sent more than once. Send it once.")),
        ("priority=", query_error("priority", PRIORITY_MESSAGE, "0")),
        ("priority=low&priority=urgent", query_error("priority", PRIORITY_MESSAGE, "1")),
        ("tag=", query_error("tag", "Must have 1 to 50 characters.", "0")),
        ("tag=a" + "&tag=a" * 10, query_error("tag", "Must have at most 10 items.")),
        ("due_before=tomorrow", query_error("due_before", DATE_MESSAGE)),
        ("due_after=2026-13-01", query_error("due_after", DATE_MESSAGE)),
        (
            "due_after=2026-01-01&due_after=2026-01-01",
            query_error("due_after", "Sent more than once. Send it once."),
        ),
    ],
)
def test_invalid_filter_is_named_in_the_error(
    client: Client, query: str, expected: dict[str, Any]
) -> None:
    for path in ("/api/tasks", "/api/tasks/stats"):
        response = client.get(path, query_string=query)
        assert (response.status_code, response.json) == (400, expected)


def test_query_too_long_for_a_link_is_rejected(client: Client) -> None:
    longest = [("q", "é" * 200), *(("tag", "日" * 50) for _ in range(10)), ("status", "all")]
    assert client.get("/api/tasks", query_string=longest).status_code == 200
    too_long = [("q", "🥛" * 100), *(("tag", "🥛" * 50) for _ in range(10))]
    response = client.get("/api/tasks", query_string=too_long)
    expected = body_error("", "The encoded query without its cursor must have at most 6500 bytes.")
    expected["errors"][0]["loc"] = ["query"]
    expected["detail"] = expected["detail"].replace("body", "query")
    assert (response.status_code, response.json) == (400, expected)


@pytest.mark.parametrize("length", range(6_491, 6_501))
def test_link_of_the_longest_query_works(client: Client, length: int) -> None:
    tags = [chr(ord("一") + number) * 50 for number in range(9)] + ["一" * 49 + "🥛"]
    for priority in ("low", "high") * 2:
        create(client, title="日" * 200, tags=tags, priority=priority)
    priorities = ["high"] * (length - 6_491) + ["low"] * (6_500 - length)
    filters = {"q": "日" * 200, "tag": tags, "priority": priorities}
    query = urlencode({"limit": 1, "sort": "title", **filters}, doseq=True)
    assert len(query) == length
    assert client.get(second_page_of(client, query)).status_code == 200


def test_link_of_percent_encoded_characters_works(client: Client) -> None:
    for number in range(2):
        create(client, title=f"{{{number}", tags=["{" * 50])
    raw = "limit=1&sort=title&q=%7B" + "&tag=" + "{" * 50
    assert client.get(second_page_of(client, raw)).status_code == 200
    too_long = "limit=1&q=" + "{" * 200 + ("&tag=" + "{" * 50) * 10 + "&priority=low" * 5
    assert len(too_long) < 1_000
    assert client.get("/api/tasks?" + too_long).status_code == 200
    raw = "q=" + "🥛" * 100 + "".join(f"&tag={chr(97 + n)}" + "🥛" * 49 for n in range(10))
    unencoded = {"QUERY_STRING": raw.encode().decode("latin1")}
    response = client.get("/api/tasks", environ_overrides=unencoded)
    assert (response.status_code, response.json["errors"][0]["loc"]) == (400, ["query"])


@pytest.mark.parametrize("sort", ["", "id", "Title", "--title", "+title", "title,id", "user_id"])
def test_invalid_sort_is_named_in_the_error(client: Client, sort: str) -> None:
    response = client.get("/api/tasks", query_string={"sort": sort})
    expected = query_error("sort", f"Must be one of: {', '.join(SORTS)}.")
    assert (response.status_code, response.json) == (400, expected)


def in_order(found: Iterable[dict[str, Any]], sort: str) -> list[dict[str, Any]]:
    """Sort tasks as the README specifies."""
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
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
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
        assert [task for page in found for task in page] == in_order(whole, sort)
        assert [len(page) for page in found[:-1]] == [limit] * (len(found) - 1)


def second_page_of(client: Client, query: str) -> str:
    return next_link(client.get(f"/api/tasks?{query}"))


def test_link_keeps_every_filter(varied: Client) -> None:
    query = "priority=high&priority=low&tag=home&q=&due_before=2026-01-02&sort=-title&limit=1"
    assert second_page_of(varied, query).startswith(f"/api/tasks?{query}&cursor=")
    found = pages(varied, f"/api/tasks?{query}")
    assert [task["title"] for page in found for task in page] == ["b", "a"]


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


def test_only_completed_tasks_are_deleted(varied: Client, app: Flask, token: Token) -> None:
    other = Client(app, token(f"user-{uuid.uuid4().hex}"))
    theirs = create(other, completed=True)
    response = varied.delete("/api/tasks?status=completed")
    assert (response.status_code, response.json) == (200, {"deleted": 1})
    assert titles(varied, "") == set("abd")
    assert varied.delete("/api/tasks?status=completed").json == {"deleted": 0}
    assert other.get("/api/tasks").json == [theirs]


@pytest.mark.parametrize(
    "query",
    [
        *("", "status=", "status=all", "status=active", "status=COMPLETED", "completed=true"),
        *("status=completed&status=completed", "status=completed&q=x", "status=completed&limit=1"),
        *("status=completed%20", "status[]=completed", "Status=completed", "cursor=x"),
    ],
)
def test_bulk_delete_requires_exactly_status_completed(varied: Client, query: str) -> None:
    response = varied.delete("/api/tasks", query_string=query)
    assert (response.status_code, response.json["error_type"]) == (400, "validation_error")
    assert response.json["errors"][0]["loc"][0] == "query"
    assert titles(varied, "") == set("abcd")


def test_bulk_update_returns_tasks_in_the_order_of_the_ids(client: Client) -> None:
    created = [create(client, title=str(n)) for n in range(4)]
    ids = [created[2]["id"], created[0]["id"], created[2]["id"], MAX_ID]
    changes = {"completed": True, "priority": "high", "tags": [" Done "], "due_date": "2026-01-01"}
    response = client.patch("/api/tasks", json={"ids": ids, "changes": changes})
    assert response.status_code == 200
    assert [task["title"] for task in response.json] == ["2", "0"]
    for task in response.json:
        assert task == client.get(f"/api/tasks/{task['id']}").json
        assert {name: task[name] for name in changes} == changes | {"tags": ["done"]}
        assert task["completed_at"] > task["created_at"]
    for task in (created[1], created[3]):
        assert client.get(f"/api/tasks/{task['id']}").json == task


def test_bulk_update_skips_tasks_of_other_users(client: Client, app: Flask, token: Token) -> None:
    other = Client(app, token(f"user-{uuid.uuid4().hex}"))
    mine, theirs = create(client), create(other)
    for changes in ({"title": "stolen"}, {"completed": True}, {}):
        body = {"ids": [theirs["id"], mine["id"]], "changes": changes}
        response = client.patch("/api/tasks", json=body)
        assert [task["id"] for task in response.json] == [mine["id"]]
    assert other.get("/api/tasks").json == [theirs]


def test_bulk_update_without_ids_or_changes_changes_nothing(client: Client) -> None:
    task = create(client)
    body = {"ids": [task["id"]], "changes": {}}
    assert client.patch("/api/tasks", json=body).json == [task]
    body = {"ids": [float(task["id"])], "changes": {}}  # JSON has one number type
    assert client.patch("/api/tasks", json=body).json == [task]
    body = {"ids": [], "changes": {"title": "x"}}
    assert client.patch("/api/tasks", json=body).json == []
    assert client.get("/api/tasks").json == [task]


def test_list_length_is_checked_before_its_items(client: Client) -> None:
    too_many = [0] * 50_000
    for body, name in (
        ({"ids": too_many, "changes": {}}, "ids"),
        ({"title": "x", "tags": too_many}, "tags"),
    ):
        path = {"ids": client.patch, "tags": client.post}[name]
        errors = path("/api/tasks", json=body).json["errors"]
        assert [error["loc"] for error in errors] == [["body", name]]
    errors = client.get("/api/tasks?priority=x" + "&priority=x" * 10).json["errors"]
    assert [error["loc"] for error in errors] == [["query", "priority"]]


ID_MESSAGE = f"Must be a whole number from 1 to {MAX_ID}."


@pytest.mark.parametrize(
    ("body", "loc", "message"),
    [
        ({"changes": {}}, ("ids",), "Missing data for required field."),
        ({"ids": [1]}, ("changes",), "Missing data for required field."),
        ({"ids": 1, "changes": {}}, ("ids",), "Must be a JSON array."),
        ({"ids": list(range(1, 102)), "changes": {}}, ("ids",), "Must have at most 100 items."),
        *(
            ({"ids": [1, bad], "changes": {}}, ("ids", "1"), ID_MESSAGE)
            for bad in (0, -1, 2**63, 9.3e18, 1.5, "1", True, [1])
        ),
        ({"ids": [None], "changes": {}}, ("ids", "0"), "Field may not be null."),
        ({"ids": [1], "changes": []}, ("changes",), "Must be a JSON object."),
        (
            {"ids": [1], "changes": {"title": ""}},
            ("changes", "title"),
            "Must have 1 to 200 characters.",
        ),
        ({"ids": [1], "changes": {"id": 2}}, ("changes", "id"), "Unknown field."),
        ({"ids": [1], "changes": {}, "user_id": "x"}, ("user_id",), "Unknown field."),
    ],
)
def test_invalid_bulk_update_is_named_in_the_error(
    client: Client, body: Any, loc: tuple[str, ...], message: str
) -> None:
    response = client.patch("/api/tasks", json=body)
    assert response.status_code == 400
    assert response.json["detail"] == f"{'.'.join(('body', *loc))}: {message}"
    assert response.json["errors"][0]["loc"] == ["body", *loc]


def test_concurrent_bulk_writes_do_not_deadlock(app: Flask, client: Client) -> None:
    """Whatever the order of the ids, and while completed tasks are deleted."""
    ids = [create(client)["id"] for _ in range(50)]

    def change(turn: int) -> int:
        other = Client(app, client.token)
        if turn % 5 == 4:
            return other.delete("/api/tasks?status=completed").status_code
        body = {"ids": ids[:: 1 if turn % 2 else -1], "changes": {"completed": turn % 7 == 6}}
        return other.patch("/api/tasks", json=body).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(change, range(80))) == {200}


def test_search_handles_many_escaped_wildcards(client: Client) -> None:
    create(client, title="x" * 200, description="%_\\" * 3_000)
    response = client.get("/api/tasks", query_string={"q": "%_\\" * 66})
    assert len(response.json) == 1
