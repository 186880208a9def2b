"""Of any text: what is accepted comes back equal, what is refused is a 400 and leaves nothing."""

import json
from datetime import UTC, datetime
from typing import Any

from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from todo_api.models import MAX_DESCRIPTION, MAX_ID, MAX_TITLE
from todo_api.schemas import Cursor

THOROUGH = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)
ANY = st.characters(exclude_categories=())  # lone surrogates too
SPACES = st.text("\x00\t\n\v\f\r\x1c\x85\xa0\u2003\u2028\u200b\ufeff ", max_size=3)
TITLES = st.tuples(SPACES, st.text(ANY, max_size=3) | st.text("xé😀", max_size=210), SPACES)
LONG = st.integers(MAX_DESCRIPTION - 2, MAX_DESCRIPTION + 2).flatmap(
    lambda length: ANY.map(lambda character: character * length)
)


def storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def create(client: FlaskClient, **task: str) -> Any:
    return client.post("/api/tasks", data=json.dumps(task), content_type="application/json")


def check(client: FlaskClient, field: str, sent: str, expected: str | None) -> None:
    """Create a task; ``expected`` is what ``field`` then is, or None where it is refused."""
    before = client.get("/api/tasks?limit=1").json
    answer = create(client, **{"title": "x", field: sent})
    if expected is None:
        assert answer.status_code == 400
        assert answer.json["errors"][0]["loc"] == ["body", field]
        assert client.get("/api/tasks?limit=1").json == before
    else:
        assert answer.status_code == 201
        assert answer.json[field] == expected
        assert client.get(answer.headers["Location"]).json == answer.json


@THOROUGH
@given(TITLES.map("".join))
@example("\u200b")  # no white space by Unicode
def test_titles(client: FlaskClient, title: str) -> None:
    trimmed = title.strip()
    sound = storable(title) and 1 <= len(trimmed) <= MAX_TITLE
    check(client, "title", title, trimmed if sound else None)


@THOROUGH
@given(st.text(ANY) | SPACES | LONG)
def test_descriptions(client: FlaskClient, description: str) -> None:
    sound = storable(description) and len(description) <= MAX_DESCRIPTION
    check(client, "description", description, description if sound else None)


@THOROUGH
@given(st.datetimes(timezones=st.just(UTC)), st.integers(-MAX_ID - 1, MAX_ID))
@example(datetime.max.replace(tzinfo=UTC), MAX_ID)
def test_cursors_come_back_equal(created_at: datetime, id_: int) -> None:
    assert Cursor().deserialize(Cursor.encode(created_at, id_)) == (created_at, id_)


@THOROUGH
@given(st.text(ANY.filter(storable)) | st.from_regex(r"[\w-]{20,24}=?", fullmatch=True))
@example("f" * 22)
@example("_" * 22)
@example("A" * 22)  # sound
def test_cursors_are_taken_or_refused(client: FlaskClient, cursor: str) -> None:
    answer = client.get("/api/tasks", query_string={"cursor": cursor})
    if answer.status_code == 200:
        assert Cursor.encode(*Cursor().deserialize(cursor)) == cursor
    else:
        assert answer.status_code == 400
        assert answer.json["errors"][0]["loc"] == ["query", "cursor"]


@THOROUGH
@given(st.binary(max_size=40))
def test_bytes_are_refused(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/api/tasks", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json["errors"]
