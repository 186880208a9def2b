"""Text that looks equal is equal, and titles and tags have something to see."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unicodedata import is_normalized, normalize

import flask_migrate
import pytest
import sqlalchemy as sa
from flask import Flask

from tests import ROOT
from tests.support.api import create, input_error
from tests.support.client import Client, Token
from tests.support.waiting import LIMIT, wait_until
from todo_api.database.models import accounts, tasks

# Composed in NFC, decomposed in NFD. The last one is longer in NFC.
WORDS = ["café", "Ångström", "Việt Nam", "가나다", "が", "ελληνικά", "\u0958"]


@pytest.mark.parametrize("word", WORDS)
def test_composed_and_decomposed_text_is_one_text(client: Client, word: str) -> None:
    forms = [word, normalize("NFC", word), normalize("NFD", word)]
    for form in forms:
        task = create(client, title=form, description=f"\t{form}", tags=[form, *forms])
        nfc = normalize("NFC", word)
        assert (task["title"], task["description"]) == (nfc, f"\t{nfc}")
        assert task["tags"] == [normalize("NFC", word.lower())]
    for form in forms:
        for filters in ({"tag": form}, {"q": form}):
            assert len(client.get("/api/tasks", query_string=filters).json) == len(forms), filters


def test_key_names_one_task_in_every_normal_form(client: Client) -> None:
    for text, status in ((normalize("NFD", "é"), 201), ("é", 200)):
        body = {"title": text, "description": text, "tags": [text]}
        response = client.post("/api/tasks", json=body, headers={"Idempotency-Key": "k"})
        assert response.status_code == status


I_WITH_DOT = ["\u0130zmir", "I\u0307ZMIR", "i\u0307zmir", "izmir", "IZMIR", "\u0130\u0307zmir"]


@pytest.mark.parametrize("tag", I_WITH_DOT)
def test_turkish_capital_i_is_a_plain_i_in_tags(client: Client, tag: str) -> None:
    task = create(client, tags=[tag, *I_WITH_DOT])
    assert task["tags"] == ["izmir"]
    for spelling in I_WITH_DOT:
        assert client.get("/api/tasks", query_string={"tag": spelling}).json == [task]


@pytest.mark.parametrize("tag", ["\u0130" * 50, "H\u0331" * 50])
def test_length_of_a_tag_is_that_of_its_lower_case(client: Client, tag: str) -> None:
    (stored,) = create(client, tags=[tag])["tags"]
    assert len(stored) == 50
    assert is_normalized("NFC", stored)


INVISIBLE = [
    *("\u20dd", "\u0903"),
    *("\u200b", "\u2060", "\u00ad", "\u3164", "\u2800", "\u115f\u1160", "\uffa0", "\u200e"),
    *("\ufeff", "\u180e", "\u034f", "\ufe0f", "\u200d\u200c", "\u200b \u3000 \u200b", "\U000e0041"),
]


@pytest.mark.parametrize("text", INVISIBLE)
def test_text_without_a_visible_character_is_refused(client: Client, text: str) -> None:
    message = "Must have a visible character."
    task = create(client)
    for body, *loc in (({"title": text}, "title"), ({"tags": [text]}, "tags", "0")):
        expected = input_error(["body", *loc], message)
        created = client.post("/api/tasks", json={"title": "x"} | body)
        changed = client.patch(f"/api/tasks/{task['id']}", json=body)
        assert created.json == changed.json == expected
    assert client.get("/api/tasks").json == [task]


@pytest.mark.parametrize(
    "text",
    [
        "👩\u200d👩\u200d👧\u200d👦",
        "❤\ufe0f",
        "1\ufe0f\u20e3",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "x\u200b",
        "\u3164x",
        "の",
        "\ue000",
    ],
)
def test_invisible_characters_beside_visible_ones_stay(client: Client, text: str) -> None:
    task = create(client, title=text, description="\u200b", tags=[text])
    assert (task["title"], task["description"], task["tags"]) == (text, "\u200b", [text])


MARKS = "\u0301" * 16 + "\u0323" * 15  # to normalize n of them takes n * n steps


@pytest.mark.parametrize("text", ["a" + MARKS, "é\u05d0" + MARKS[::-1] + "b", MARKS * 600])
def test_long_run_of_marks_is_refused_before_it_is_normalized(
    client: Client, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def normalize_short(_: str, value: str) -> str:
        assert len(value) < len(text)
        return normalize("NFC", value)

    monkeypatch.setattr("todo_api.tasks.fields.normalize", normalize_short)
    message = "Must have at most 30 combining marks in a row."
    bodies: list[tuple[dict[str, Any], list[str]]] = [
        ({"title": text}, ["body", "title"]),
        ({"description": text}, ["body", "description"]),
        ({"tags": ["a", text]}, ["body", "tags", "1"]),
    ]
    for body, loc in bodies:
        expected = input_error(loc, message, "too_many_marks", 30)
        assert client.post("/api/tasks", json={"title": "x"} | body).json == expected
    if len(text) < 100:
        refused = client.get("/api/tasks", query_string={"q": text}).json
        assert refused == input_error(["query", "q"], message, "too_many_marks", 30)


def test_thirty_marks_in_a_row_are_accepted(client: Client) -> None:
    text = f"a{MARKS[1:]} b{MARKS[:-1]}"
    task = create(client, title=text, description=text * 100)
    assert task["title"] == normalize("NFC", text)


@pytest.fixture
def old(empty: Flask) -> Iterator[sa.Connection]:
    """A connection to a database of revision 0012, with what today's service reads."""
    flask_migrate.upgrade(revision="0012")
    engine = sa.create_engine(empty.extensions["settings"].database_url, poolclass=sa.NullPool)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ALTER TABLE tasks ADD COLUMN position numeric")
        yield connection


@pytest.fixture
def patient(folder: Path) -> str:
    """The migrations, which wait for a lock as long as the test does."""
    patient = folder / "patient"
    shutil.copytree(ROOT / "migrations", patient, ignore=shutil.ignore_patterns("__pycache__"))
    text = (patient / "env.py").read_text()
    assert text.count('LOCK_TIMEOUT = "5s"') == 1
    (patient / "env.py").write_text(text.replace('"5s"', f'"{LIMIT}s"'))
    return str(patient)


def store(connection: sa.Connection, user: str, *rows: dict[str, Any]) -> None:
    """Store tasks of a user, with the versions from 1."""
    for version, row in enumerate(rows, 1):
        connection.execute(sa.insert(tasks).values(user_id=user, version=version, **row))
    connection.execute(sa.insert(accounts).values(user_id=user, version=len(rows)))


def stored(connection: sa.Connection) -> list[dict[str, Any]]:
    found = connection.execute(sa.select(tasks).order_by(tasks.c.id))
    return [dict(row) for row in found.mappings()]


def test_stored_text_is_normalized(old: sa.Connection, empty: Flask, token: Token) -> None:
    nfd = normalize("NFD", "é")
    loose = "i\u0307zmir"
    store(
        old,
        "ann",
        {"title": nfd},
        {"title": "x", "description": nfd, "deleted_at": "2026-01-01T00:00:00Z"},
        {"title": "x", "tags": [loose, "b", "é", nfd, "izmir"]},
        {"title": "x", "description": "é", "tags": ["b", "a"]},
        {"title": "\u200b"},
        # Longer in NFC than is allowed.
        {"title": "\u0958" * 101, "tags": ["\u0958" * 26]},
        {"title": "x", "description": "\u0958" * 5_001},
        # It takes a second to normalize.
        {"title": nfd, "description": "a" + "\u0301" * 5_000 + "\u0323" * 4_999},
    )
    old.execute(sa.insert(tasks).values(user_id="without an account", title=nfd))
    before = stored(old)
    client = Client(empty, token("ann"))
    since = client.get("/api/tasks/changes").json["next"]
    flask_migrate.upgrade(revision="0013")
    first, second, third, *others, last = stored(old)
    assert first == before[0] | {"title": "é", "version": 9}
    assert second == before[1] | {"description": "é", "version": 9}
    assert third == before[2] | {"tags": ["izmir", "b", "é"], "version": 9}
    assert others == before[3:-1]
    assert last == before[-1] | {"title": "é", "version": 1}
    changes = client.get(f"/api/tasks/changes?since={since}").json
    assert [task["id"] for task in changes["tasks"]] == [first["id"], third["id"]]
    assert changes["deleted"] == [second["id"]]
    assert client.get("/api/tasks?tag=İzmir").json[0]["id"] == third["id"]


def test_normalizing_stored_text_again_changes_nothing(old: sa.Connection) -> None:
    store(old, "ann", *({"title": normalize("NFD", "é")} for _ in range(1_100)))
    for _ in range(2):
        flask_migrate.upgrade(revision="0013")
        after = stored(old)
        assert {task["title"] for task in after} == {"é"}
        assert {task["version"] for task in after} == {1_101, 1_102, 1_103}
        flask_migrate.downgrade(revision="0012")


def test_purge_finishes_an_erasure_that_a_migration_meets(old: sa.Connection, empty: Flask) -> None:
    store(old, "ann", {"title": normalize("NFD", "é")})
    old.execute(sa.update(accounts).values(erased_version=1))
    flask_migrate.upgrade(revision="0013")
    purged = empty.test_cli_runner().invoke(args=["tasks", "purge", "--older-than", "30d"])
    assert (purged.exit_code, stored(old)) == (0, [])


BLOCKED = sa.text("SELECT 1 FROM pg_stat_activity WHERE :pid = ANY(pg_blocking_pids(pid))")


def test_normalizing_stored_text_waits_for_a_write_and_blocks_no_other_user(
    old: sa.Connection, empty: Flask, token: Token, patient: str
) -> None:
    """Also where another isolation level is the default."""
    name = old.engine.url.database
    serializable = "SET default_transaction_isolation = 'serializable'"
    old.exec_driver_sql(f"ALTER DATABASE {name} {serializable}")
    store(old, "ann", {"title": normalize("NFD", "é")})
    store(old, "bob", {"title": "x"})
    store(old, "aaron", {"title": normalize("NFD", "é")})
    task, other, _ = stored(old)
    engine = old.engine.execution_options(isolation_level="READ COMMITTED")

    def upgrade() -> None:
        with empty.app_context():
            flask_migrate.upgrade(directory=patient, revision="0013")

    with ThreadPoolExecutor(1) as pool, engine.connect() as write:
        backend = write.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        write.execute(sa.update(accounts).values(version=5).where(accounts.c.user_id == "ann"))
        title = normalize("NFD", "è")
        write.execute(
            sa.update(tasks).values(title=title, version=5).where(tasks.c.id == task["id"])
        )
        running = pool.submit(upgrade)
        try:
            wait_until(
                lambda: old.execute(BLOCKED, {"pid": backend}).first() or running.done(),
                "nobody waits",
            )
            assert not running.done()
            assert stored(old)[2]["title"] == "é"
            path = f"/api/tasks/{other['id']}"
            assert Client(empty, token("bob")).patch(path, json={"title": "y"}).status_code == 200
        finally:
            write.commit()
        running.result(LIMIT)
    titles = [(row["title"], row["version"]) for row in stored(old)]
    assert titles == [("è", 6), ("y", 2), ("é", 2)]
