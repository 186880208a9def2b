"""The list: its order, its filters and its pages."""

from base64 import urlsafe_b64encode

import pytest
from flask import Flask
from gunicorn.http.message import MAX_REQUEST_LINE
from marshmallow.validate import Length

from tests import SECRET
from tests.support.api import add_tasks, input_error, next_link, pages, query_error
from tests.support.client import Client, MakeApp, Token
from todo_api.limits import MAX_ID, MAX_QUERY_BYTES
from todo_api.tasks.paging import SORTS, Cursor
from todo_api.tasks.schemas import NewTask


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
        assert next_link(response)


@pytest.mark.parametrize("sort", SORTS)
def test_longest_link_fits_in_a_request_line(app: Flask, sort: str) -> None:
    field = NewTask().fields.get(sort.removeprefix("-"))
    validators = field.validators if field else []
    limits = [each.max or 0 for each in validators if isinstance(each, Length)]
    longest = "\x01" * max(limits, default=40)  # six characters each in JSON
    with app.app_context():
        cursor = Cursor.encode(sort, longest, MAX_ID)
    query = "x" * MAX_QUERY_BYTES
    assert len(f"GET /api/tasks?{query}&cursor={cursor} HTTP/1.1\r\n") <= MAX_REQUEST_LINE


def test_link_keeps_the_filter(app: Flask, client: Client, user: str) -> None:
    add_tasks(app, user, 3, completed=True)
    add_tasks(app, user, 4)
    link = next_link(client.get("/api/tasks?status=completed&limit=2"))
    assert link.startswith("/api/tasks?status=completed&limit=2&cursor=")
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
    second_page = next_link(client.get("/api/tasks?limit=2"))
    client.delete(f"/api/tasks/{whole[1]['id']}")
    rest = client.get(second_page).json
    assert rest == whole[2:4]


LIMIT = "Must be a whole number from 1 to 500."
STATUS = "Must be one of: all, active, pending, completed, deleted."
CURSOR = "Invalid cursor for this list or sort. Take it from the Link header, or send none."


@pytest.mark.parametrize(
    ("name", "value", "message", "code", "limit"),
    [
        *(("limit", value, LIMIT, "too_small", 1) for value in ("0", "-1")),
        *(("limit", value, LIMIT, "too_large", 500) for value in ("501", "9" * 100)),
        *(
            ("limit", value, LIMIT, "wrong_type", None)
            for value in ("-0", "+5", "05", "1_0", "\u0661", "1.0")
        ),
        *(
            ("limit", value, LIMIT, "wrong_type", None)
            for value in ("", "%20", "abc", "9" * 5_000, "1%00")
        ),
        *(
            ("status", value, STATUS, "not_in_list", None)
            for value in ("", "ALL", "done", "all%00", "active,completed")
        ),
        *(
            ("cursor", value, CURSOR, "invalid", None)
            for value in ("", "x", "AAAA", "é", "%00", "=" * 24)
        ),
    ],
)
def test_invalid_parameter_is_named_in_the_error(
    client: Client, name: str, value: str, message: str, code: str, limit: int | None
) -> None:
    response = client.get(f"/api/tasks?{name}={value}")
    assert (response.status_code, response.json) == (
        400,
        query_error(name, message, code=code, limit=limit),
    )


def test_cursor_of_an_earlier_release_is_valid(client: Client) -> None:
    for title in ("a", "ö"):
        client.post("/api/tasks", json={"title": title})
    after_e_acute = "WyJ0aXRsZSIsIsOpIiw5XQ.bZldg8HSOZTNGCqwa8IPe8viwLA"
    page = client.get(f"/api/tasks?sort=title&cursor={after_e_acute}")
    assert [task["title"] for task in page.json] == ["ö"]


def cursor_of(client: Client, query: str) -> str:
    for _ in range(2):
        client.post("/api/tasks", json={"title": "x"})
    link = next_link(client.get(f"/api/tasks?limit=1&{query}"))
    return link.partition("cursor=")[2]


def encoded(text: bytes) -> str:
    return urlsafe_b64encode(text).decode().rstrip("=")


@pytest.mark.parametrize(
    "forged",
    [
        "{position}",
        "{position}.",
        ".{signature}",
        "{signature}.{position}",
        "{position}.{signature}=",
        "{position}.{signature}.{signature}",
        "{other_position}.{signature}",
        "{not_json}.{signature}",
    ],
)
def test_forged_cursor_is_rejected(client: Client, forged: str) -> None:
    position, _, signature = cursor_of(client, "").rpartition(".")
    cursor = forged.format(
        position=position,
        signature=signature,
        other_position=encoded(b'["-created_at",null,1]'),
        not_json=encoded(b"["),
    )
    response = client.get("/api/tasks", query_string={"cursor": cursor})
    assert (response.status_code, response.json) == (400, query_error("cursor", CURSOR))


def test_cursor_signed_with_another_secret_is_rejected(
    make_app: MakeApp, client: Client, token: Token, user: str
) -> None:
    secret = "another-secret-0123456789abcdefghij"
    other = Client(make_app(better_auth_secret=secret), token(user, key=secret))
    response = client.get("/api/tasks", query_string={"cursor": cursor_of(other, "")})
    assert (response.status_code, response.json) == (400, query_error("cursor", CURSOR))


def test_token_is_not_a_cursor(client: Client) -> None:
    response = client.get("/api/tasks", query_string={"cursor": client.token})
    assert (response.status_code, response.json) == (400, query_error("cursor", CURSOR))


def test_cursor_of_another_sort_is_rejected(client: Client) -> None:
    response = client.get("/api/tasks", query_string={"cursor": cursor_of(client, "sort=title")})
    assert (response.status_code, response.json) == (400, query_error("cursor", CURSOR))


def test_duplicate_parameter_is_rejected(client: Client) -> None:
    response = client.get("/api/tasks?limit=1&limit=2")
    assert response.status_code == 400
    assert response.json == query_error("limit", "Sent more than once. Send it once.")


def test_page_of_long_descriptions_ends_early_and_has_a_link(
    client: Client, app: Flask, user: str
) -> None:
    add_tasks(app, user, 230, description="🥛" * 10_000)
    found = pages(client, "/api/tasks?limit=500")
    assert [len(page) for page in found] == [101, 101, 28]
    assert len({task["id"] for page in found for task in page}) == 230


@pytest.mark.parametrize("query", ["q=%ff", "q=caf%E9", "tag=%ed%a0%80", "status=all&q=%c3"])
def test_query_that_is_not_utf8_is_refused(client: Client, query: str) -> None:
    response = client.get(f"/api/tasks?{query}")
    assert response.json == input_error(["query"], "Not UTF-8. Encode the query as UTF-8.")


def test_cursor_of_the_previous_secret_is_valid_and_the_new_secret_signs(
    app: Flask, make_app: MakeApp, client: Client, token: Token, user: str
) -> None:
    add_tasks(app, user, 3)
    first = next_link(client.get("/api/tasks?limit=1"))
    secrets = {"better_auth_secret": "x" * 32, "better_auth_secret_previous": SECRET}
    second = Client(make_app(**secrets), token(user)).get(first)
    assert second.status_code == 200
    assert client.get(next_link(second)).status_code == 400
