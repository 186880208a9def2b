"""The list: its order, its filters and its pages."""

from base64 import urlsafe_b64encode
from struct import pack

import pytest
from flask import Flask

from tests.support.api import add_tasks, pages
from tests.support.client import Client


def test_empty_list(client: Client) -> None:
    response = client.get("/api/tasks")
    assert (response.status_code, response.json) == (200, [])
    assert "Link" not in response.headers


def test_list_is_newest_first(client: Client) -> None:
    created = [client.post("/api/tasks", json={"title": str(n)}).json for n in range(3)]
    assert client.get("/api/tasks").json == created[::-1]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 20, 21])
def test_pages_together_equal_the_whole_list(
    app: Flask, client: Client, user: str, limit: int
) -> None:
    for _ in range(3):
        add_tasks(app, user, 7)
    whole = client.get("/api/tasks").json
    assert len(whole) == 21
    assert whole == sorted(whole, key=lambda task: (task["created_at"], task["id"]), reverse=True)
    found = pages(client, f"/api/tasks?limit={limit}")
    assert [task for page in found for task in page] == whole
    assert [len(page) for page in found[:-1]] == [limit] * (len(found) - 1)
    assert 1 <= len(found[-1]) <= limit


def test_capped_page_has_a_link(app: Flask, client: Client, user: str) -> None:
    add_tasks(app, user, 501)
    for path, size in (("/api/tasks", 100), ("/api/tasks?limit=500", 500)):
        response = client.get(path)
        assert len(response.json) == size
        assert "Link" in response.headers


def test_link_keeps_the_filter(app: Flask, client: Client, user: str) -> None:
    add_tasks(app, user, 3, completed=True)
    add_tasks(app, user, 4)
    link = client.get("/api/tasks?status=completed&limit=2").headers["Link"]
    assert link.startswith("</api/tasks?status=completed&limit=2&cursor=")
    found = pages(client, "/api/tasks?status=completed&limit=2")
    assert [len(page) for page in found] == [2, 1]


@pytest.mark.parametrize(
    ("status", "expected"),
    [("all", {True, False}), ("active", {False}), ("pending", {False}), ("completed", {True})],
)
def test_status_filters(
    app: Flask, client: Client, user: str, status: str, expected: set[bool]
) -> None:
    add_tasks(app, user, 2, completed=True)
    add_tasks(app, user, 2, completed=False)
    listed = client.get(f"/api/tasks?status={status}").json
    assert len(listed) == 2 * len(expected)
    assert {task["completed"] for task in listed} == expected


def test_deleted_row_does_not_break_the_page_after_it(
    app: Flask, client: Client, user: str
) -> None:
    add_tasks(app, user, 5)
    whole = client.get("/api/tasks").json
    link = client.get("/api/tasks?limit=2").headers["Link"]
    client.delete(f"/api/tasks/{whole[1]['id']}")
    rest = client.get(link.removeprefix("<").partition(">")[0]).json
    assert rest == whole[2:4]


def encoded(text: bytes) -> str:
    return urlsafe_b64encode(text).decode().rstrip("=")


LIMIT = "Must be a whole number from 1 to 500."
CURSOR = "Invalid cursor for this sort order. Take the cursor from the Link header, or send none."


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        *(
            ("limit", value, LIMIT)
            for value in ("0", "501", "-1", "+5", "05", "1_0", "\u0661", "1.0")
        ),
        *(("limit", value, LIMIT) for value in ("", "%20", "abc", "9" * 5_000, "1%00")),
        *(("status", value, None) for value in ("", "ALL", "done", "all%00", "active,completed")),
        *(("cursor", value, CURSOR) for value in ("", "x", "AAAA", "é", "%00", "=" * 24)),
        ("cursor", encoded(pack(">qq", 0, 1)) + "=", CURSOR),
        ("cursor", encoded(pack(">qq", 0, 1))[:-1], CURSOR),
        ("cursor", encoded(pack(">qq", 0, 1)) + "A", CURSOR),
        ("cursor", encoded(pack(">qq", 0, 1))[:-1] + "B", CURSOR),
        ("cursor", encoded(pack(">qq", 2**62, 1)), CURSOR),
        ("cursor", encoded(pack(">qq", -(2**62), 1)), CURSOR),
    ],
)
def test_invalid_parameter_is_named_in_the_error(
    client: Client, name: str, value: str, message: str | None
) -> None:
    message = message or "Must be one of: all, active, pending, completed."
    response = client.get(f"/api/tasks?{name}={value}")
    assert (response.status_code, response.json) == (
        400,
        {
            "detail": f"query.{name}: {message}",
            "status_code": 400,
            "error_type": "validation_error",
            "errors": [{"loc": ["query", name], "msg": message, "type": "invalid"}],
        },
    )


def test_duplicate_parameter_is_rejected(client: Client) -> None:
    response = client.get("/api/tasks?limit=1&limit=2")
    assert response.status_code == 400
    assert response.json["detail"] == "query.limit: Sent more than once. Send it once."


def test_page_of_long_descriptions_ends_early_and_has_a_link(
    client: Client, app: Flask, user: str
) -> None:
    add_tasks(app, user, 230, description="🥛" * 10_000)
    found = pages(client, "/api/tasks?limit=500")
    assert [len(page) for page in found] == [150, 80]
    assert len({task["id"] for page in found for task in page}) == 230
