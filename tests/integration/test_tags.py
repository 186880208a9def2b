"""`GET /api/tasks/tags`: every tag, and how many tasks use it."""

import pytest
from flask import Flask

from tests.support.api import add_tasks, create, next_link, pages, query_error
from tests.support.client import Client
from todo_api.limits import MAX_COUNTED_TAGS

TAGS = "/api/tasks/tags"


def names(client: Client, **query: str) -> list[str]:
    response = client.get(TAGS, query_string=query)
    assert response.status_code == 200, response.json
    return [each["tag"] for each in response.json]


def test_most_used_come_first_then_by_name(client: Client) -> None:
    create(client, tags=["home", "10"])
    create(client, tags=["9", "home"], completed=True)
    for tags in (["trash"], ["home", "trash"]):
        client.delete(f"/api/tasks/{create(client, tags=tags)['id']}")
    expected = [("home", 2), ("10", 1), ("9", 1)]
    response = client.get(TAGS)
    assert response.json == [{"tag": tag, "count": count} for tag, count in expected]
    assert "Link" not in response.headers
    assert client.get("/api/tasks/stats").json["by_tag"] == dict(expected)


def test_without_tags_the_list_is_empty(client: Client) -> None:
    assert client.get(TAGS).json == []
    create(client)
    assert client.get(TAGS).json == []


@pytest.mark.parametrize("limit", [1, 7, 59, 60, 500])
def test_pages_together_are_all_tags(app: Flask, client: Client, user: str, limit: int) -> None:
    for number in range(MAX_COUNTED_TAGS + 10):
        add_tasks(app, user, 1 + number % 3, tags=[f"{number:02}"])
    found = pages(client, f"{TAGS}?limit={limit}")
    whole = [each for page in found for each in page]
    assert len(whole) == MAX_COUNTED_TAGS + 10
    assert whole == sorted(whole, key=lambda each: (-each["count"], each["tag"]))
    assert {len(page) for page in found[:-1]} <= {limit}


def test_q_is_the_beginning_of_the_tag_in_the_form_of_a_tag(client: Client) -> None:
    create(client, tags=["home", "hotel", "éclair", "istanbul"])
    create(client, tags=["at home", "100%", "1001", "a_b", "hotel"])
    assert names(client, q="ho") == names(client, q=" HO ") == ["hotel", "home"]
    assert names(client, q="E\u0301") == ["éclair"]
    assert names(client, q="\u0130") == ["istanbul"]
    assert names(client, q="100%") == ["100%"]
    assert names(client, q="a_") == ["a_b"]
    assert names(client, q="x") == []
    assert len(names(client, q="")) == 8
    assert next_link(client.get(TAGS, query_string={"q": "ho", "limit": 1})).startswith(
        "/api/tasks?q=ho&"
    )


def test_cursors_of_other_lists_are_invalid(client: Client) -> None:
    for tag in ("a", "b"):
        create(client, tags=[tag])
    for one, other in ((TAGS, "/api/tasks"), ("/api/tasks", TAGS)):
        cursor = next_link(client.get(f"{one}?limit=1")).partition("cursor=")[2]
        assert client.get(f"{other}?cursor={cursor}").json["errors"][0]["loc"] == [
            "query",
            "cursor",
        ]


def test_invalid_query_is_a_400(client: Client) -> None:
    long = query_error("q", "Must have at most 50 characters.", code="too_long", limit=50)
    assert client.get(f"{TAGS}?q={'x' * 51}").json == long
    unknown = query_error("status", "Unknown query parameter. Remove it.")
    assert client.get(f"{TAGS}?status=all").json == unknown
    for query in ("limit=0", "limit=501", "q=a&q=b", "q=a%0Ab", "q=%00"):
        assert client.get(f"{TAGS}?{query}").status_code == 400, query


def test_etag_changes_with_the_tasks_and_the_query(app: Flask, client: Client, user: str) -> None:
    add_tasks(app, user, 1, tags=["old"])  # from before the accounts
    tags = [client.get(TAGS).headers["ETag"], client.get(f"{TAGS}?q=o").headers["ETag"]]
    create(client, tags=["home"])
    response = client.get(TAGS)
    tags += [response.headers["ETag"], client.get("/api/tasks").headers["ETag"]]
    assert len(set(tags)) == 4
    again = client.get(TAGS, headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
