"""Any text is either stored in NFC, or is a 400 and stores nothing."""

import json
import re
from unicodedata import normalize

from flask import Flask
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.api import has_many_marks, is_visible, location
from tests.support.client import Client, JsonResponse
from todo_api.limits import MAX_DESCRIPTION_LENGTH, MAX_ID, MAX_TAG_LENGTH, MAX_TITLE_LENGTH
from todo_api.tasks.fields import CONTROL
from todo_api.tasks.paging import SORTS, Cursor, CursorPosition

THOROUGH = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)
ANY = st.characters(exclude_categories=())  # lone surrogates too
SPACES = st.text("\x00\t\n\v\f\r\x1c\x85\xa0\u2003\u2028\u200b\ufeff ", max_size=3)
TITLES = st.tuples(SPACES, st.text(ANY, max_size=3) | st.text("xé😀", max_size=210), SPACES)
STORABLE = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
LONG = st.integers(MAX_DESCRIPTION_LENGTH - 2, MAX_DESCRIPTION_LENGTH + 2).flatmap(
    lambda length: ANY.map(lambda character: character * length)
)


def storable(text: str) -> bool:
    return (
        "\0" not in text
        and not any("\ud800" <= c <= "\udfff" for c in text)
        and not has_many_marks(text)
    )


def create(client: Client, **task: str) -> JsonResponse:
    return client.post("/api/tasks", data=json.dumps(task), content_type="application/json")


def check(client: Client, field: str, sent: str, expected: str | None) -> None:
    """Create a task. ``expected`` is the stored value of ``field``, or None if it is rejected."""
    before = client.get("/api/tasks?limit=1").json
    response = create(client, **{"title": "x", field: sent})
    if expected is None:
        assert response.status_code == 400
        assert response.json["errors"][0]["loc"] == ["body", field]
        assert client.get("/api/tasks?limit=1").json == before
    else:
        assert response.status_code == 201
        assert response.json[field] == expected
        assert client.get(location(response)).json == response.json


@THOROUGH
@given(TITLES.map("".join))
@example("\u200b")  # not white space in Unicode
@example("\u0958" * 101)  # longer in NFC
def test_titles(client: Client, title: str) -> None:
    trimmed = normalize("NFC", title).strip()
    valid = storable(title) and is_visible(trimmed) and len(trimmed) <= MAX_TITLE_LENGTH
    check(client, "title", title, trimmed if valid else None)


@THOROUGH
@given(st.text(ANY) | SPACES | LONG)
@example("\u0301" * MAX_DESCRIPTION_LENGTH)  # combining marks only
@example("e" + "\u0301" * 30)
def test_descriptions(client: Client, description: str) -> None:
    kept = normalize("NFC", description)
    valid = storable(description) and len(kept) <= MAX_DESCRIPTION_LENGTH
    check(client, "description", description, kept if valid else None)


@THOROUGH
@given(st.sampled_from(SORTS), st.none() | st.text(STORABLE), st.integers(1, MAX_ID))
def test_cursors_decode_to_the_encoded_position(
    app: Flask, sort: str, value: str | None, id_: int
) -> None:
    with app.app_context():
        assert Cursor().deserialize(Cursor.encode(sort, value, id_)) == CursorPosition(
            sort, value, id_
        )


@THOROUGH
@given(st.text(STORABLE) | st.from_regex(r"\.?[\w-]{1,60}\.[\w-]{27}", fullmatch=True))
@example("WyItY3JlYXRlZF9hdCIsbnVsbCwxXQ." + "A" * 27)  # a position without a signature
def test_forged_cursors_are_rejected(client: Client, cursor: str) -> None:
    response = client.get("/api/tasks", query_string={"cursor": cursor})
    assert response.status_code == 400
    assert response.json["errors"][0]["loc"] == ["query", "cursor"]


TAGS = st.tuples(SPACES, st.text(ANY, max_size=3) | st.text("xÉİß", max_size=52), SPACES)


@THOROUGH
@given(TAGS.map("".join))
@example("\u0345")
@example("ΑΣ")  # a final sigma has its own lower case
@example("\u0130\u0307")
def test_tags(client: Client, tag: str) -> None:
    lower = normalize("NFC", tag).strip().lower()
    kept = normalize("NFC", re.sub("i\u0307+", "i", lower))
    body = json.dumps({"title": "x", "tags": [tag]})
    response = client.post("/api/tasks", data=body, content_type="application/json")
    if (
        storable(tag)
        and is_visible(kept)
        and len(kept) <= MAX_TAG_LENGTH
        and not CONTROL.search(kept)
    ):
        assert (response.status_code, response.json["tags"]) == (201, [kept])
        assert client.get("/api/tasks", query_string={"tag": tag}).json[0] == response.json
    else:
        assert response.status_code == 400
        assert response.json["errors"][0]["loc"] == ["body", "tags", "0"]


@THOROUGH
@given(st.text(STORABLE, min_size=1, max_size=3))
def test_search_finds_any_text(client: Client, text: str) -> None:
    task = create(client, title="x", description=text).json
    assert client.get("/api/tasks", query_string={"q": text, "limit": 1}).json == [task]


@THOROUGH
@given(st.binary(max_size=40))
def test_random_bytes_are_rejected(client: Client, body: bytes) -> None:
    response = client.post("/api/tasks", data=body, content_type="application/json")
    assert response.status_code == 400
    assert response.json["errors"]
