"""Filters, and the links that keep them."""

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.api import (
    DATE_MESSAGE,
    PRIORITY_MESSAGE,
    create,
    input_error,
    pages,
    query_error,
    second_page_of,
    titles,
)
from tests.support.client import Client


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
        (
            "q=" + "x" * 201,
            query_error("q", "Must have at most 200 characters.", code="too_long", limit=200),
        ),
        ("q=a&q=b", query_error("q", "Sent more than once. Send it once.")),
        ("priority=", query_error("priority", PRIORITY_MESSAGE, "0")),
        ("priority=low&priority=urgent", query_error("priority", PRIORITY_MESSAGE, "1")),
        (
            "tag=",
            query_error("tag", "Must have 1 to 50 characters.", "0", code="too_short", limit=1),
        ),
        (
            "tag=a" + "&tag=a" * 10,
            query_error("tag", "Must have at most 10 items.", code="too_many", limit=10),
        ),
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
    message = "The encoded query without its cursor must have at most 6480 bytes."
    assert (response.status_code, response.json) == (400, input_error(["query"], message))


@pytest.mark.parametrize("length", range(6_471, 6_481))
def test_link_of_the_longest_query_works(client: Client, length: int) -> None:
    title = "日" * 195 + "é" * 4 + "a"
    tags = [chr(ord("一") + number) * 50 for number in range(9)] + ["一" * 49 + "🥛"]
    for priority in ("low", "high") * 2:
        create(client, title=title, tags=tags, priority=priority)
    priorities = ["high"] * (length - 6_471) + ["low"] * (6_480 - length)
    filters = {"q": title, "tag": tags, "priority": priorities}
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


def test_link_keeps_every_filter(varied: Client) -> None:
    query = "priority=high&priority=low&tag=home&q=&due_before=2026-01-02&sort=-title&limit=1"
    assert second_page_of(varied, query).startswith(f"/api/tasks?{query}&cursor=")
    found = pages(varied, f"/api/tasks?{query}")
    assert [task["title"] for page in found for task in page] == ["b", "a"]


def test_search_handles_many_escaped_wildcards(client: Client) -> None:
    create(client, title="x" * 200, description="%_\\" * 3_000)
    response = client.get("/api/tasks", query_string={"q": "%_\\" * 66})
    assert len(response.json) == 1
