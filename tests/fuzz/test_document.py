"""Valid and invalid requests generated from the document: the service behaves as documented."""

import re
import shutil
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unicodedata import is_normalized

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, assume, settings
from schemathesis.generation.stateful import run_state_machine_as_test
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
    use_after_free,
)

from tests import NOT_NEW, ROOT
from tests.support.api import has_many_marks, is_visible
from tests.support.client import Client, Token
from tests.support.processes import run

pytest_plugins = ["schemathesis.pytest.plugin"]  # pyproject.toml keeps it from all other tests
THOROUGH = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
CASES = 1_000
JSON_WORDS = {"true", "false", "null"}
CONDITIONS = {"If-Match", "If-None-Match", "Idempotency-Key"}
sent: list[str] = []


@pytest.fixture(scope="module", autouse=True)
def enough(request: pytest.FixtureRequest) -> Iterator[None]:
    """A run of the whole module sends at least `CASES` requests."""
    yield
    if not request.config.getoption("keyword"):
        assert len(sent) >= CASES


@pytest.fixture(scope="module", autouse=True)
def serving(app: Flask) -> None:
    served.append(app)


def serve(environ: Any, start_response: Any) -> Any:
    return served[-1](environ, start_response)


served: list[Flask] = []
schema = schemathesis.openapi.from_path(
    ROOT / "openapi.json",
    config=schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}}),
)
schema.app = serve  # the application needs a database, and collecting tests must not
on_a_task = schema.include(path_regex="task_id")


def send(case: Any, token: str) -> Any:
    sent.append(case.method)
    return case.call_and_validate(
        headers={"Authorization": f"Bearer {token}"}, excluded_checks=excluded(case)
    )


def excluded(case: Any) -> list[Any]:
    """Return the checks to skip because a schema cannot express a rule of the document.

    A forged cursor or sync token is rejected although it is a string. Titles and tags are trimmed
    before their length is checked, and must have a visible character. The `q` of tags is trimmed
    too. The length of a text is that of its NFC. In a query, everything becomes text. A condition
    may be false, also before an invalid one is read, and a key may have been sent before with
    another body. A neighbour may be absent.
    """
    query = case.query or {}
    depends_on_state = {"cursor", "since"} & set(query) or CONDITIONS & set(case.headers or {})
    body = case.body if isinstance(case.body, dict) else {}
    depends_on_state |= {"after", "before"} & set(body)
    checks = [positive_data_acceptance] if depends_on_state else []
    changes = body.get("changes")
    fields = changes if isinstance(changes, dict) else body
    tags = [tag for value in (fields.get("tags"), query.get("tag")) for tag in as_list(value)]
    labels = [text for text in (fields.get("title"), *tags) if isinstance(text, str)]
    others = [text for text in (fields.get("description"), query.get("q")) if isinstance(text, str)]
    has_other_length = any(
        "\u0307" in text or not is_normalized("NFC", text) for text in (*labels, *others)
    )
    has_marks = any(has_many_marks(text) for text in (*labels, *others))
    if has_other_length or has_marks or not all(map(is_visible, labels)):
        checks.append(positive_data_acceptance)
    trimmed = [text for text in (*labels, query.get("q")) if isinstance(text, str)]
    fails_before = len(CONDITIONS & set(case.headers or {})) > 1
    asked = [value for name in ("tag", "q") if name in query for value in as_list(query[name])]
    becomes_text = any(not isinstance(value, str) or value in JSON_WORDS for value in asked)
    is_trimmed = any(text != text.strip() for text in trimmed)
    if has_other_length or fails_before or becomes_text or is_trimmed:
        checks.append(negative_data_rejection)
    return checks


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@schema.parametrize()
@THOROUGH
def test_operation_matches_the_document(case: Any, token: Token) -> None:
    send(case, token("fuzz"))


@on_a_task.parametrize()
@THOROUGH
def test_task_of_another_user_is_out_of_reach(case: Any, app: Flask, token: Token) -> None:
    assume(case.method == case.operation.method.upper())
    client = Client(app)
    owner = {"Authorization": f"Bearer {token('owner')}"}
    task = client.post("/api/tasks", json={"title": "mine"}, headers=owner).json
    case.path_parameters = {"task_id": task["id"]}
    sent.append(case.method)
    response = case.call(headers={"Authorization": f"Bearer {token('stranger')}"})
    assert response.status_code in (400, 401, 404, 415)
    assert b"mine" not in response.content
    assert client.get(f"/api/tasks/{task['id']}", headers=owner).json == task


@schema.include(
    operation_id=["updateTasks", "deleteTasks", "trashTasks", "restoreTasks"]
).parametrize()
@THOROUGH
def test_tasks_of_another_user_are_out_of_reach(case: Any, app: Flask, token: Token) -> None:
    assume(case.method == case.operation.method.upper())
    client = Client(app)
    owner = {"Authorization": f"Bearer {token('owner')}"}
    completed = {"title": "mine", "completed": True}
    task = client.post("/api/tasks", json=completed, headers=owner).json
    if case.method != "DELETE" and isinstance(case.body, dict):
        case.body["ids"] = [task["id"]]
    sent.append(case.method)
    response = case.call(headers={"Authorization": f"Bearer {token('stranger')}"})
    assert response.status_code in (200, 400, 401, 415)
    if response.status_code == 200:
        assert response.json() in ([], {"ids": []}, {"deleted": 0, "ids": [], "has_more": False})
    assert client.get(f"/api/tasks/{task['id']}", headers=owner).json == task


def test_sequences_of_operations_match_the_document(token: Token) -> None:
    machine: Any = schema.as_state_machine()

    class Sequence(machine):
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            sent.append(case.method)
            return {"headers": {"Authorization": f"Bearer {token(self.user)}"}}

        def setup(self) -> None:
            self.user = f"fuzz-{uuid.uuid4().hex}"

        def validate_response(self, response: Any, case: Any, *_: Any, **sent: Any) -> None:
            case.validate_response(
                response,
                headers=sent["headers"],
                excluded_checks=[*excluded(case), use_after_free],  # a task can be restored
                transport_kwargs=sent,
                recorder=self.recorder,
            )

    run_state_machine_as_test(
        Sequence,
        settings=settings(THOROUGH, max_examples=60, stateful_step_count=8),
    )


def test_missing_owner_filter_is_detected(folder: Path) -> None:
    copy = folder / "todo"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*NOT_NEW))
    source = copy / "todo_api/tasks/queries.py"
    matching = "return statement.where(tasks.c.user_id == OWNER)"
    assert source.read_text().count(matching) == 1
    source.write_text(source.read_text().replace(matching, "return statement"))
    options = ["-n0", "-qx", "--hypothesis-seed=0", "-k", "task_of_another_user"]
    ran = run([sys.executable, "-m", "pytest", *options, "tests/fuzz"], cwd=copy)
    assert re.search(r"^E +assert (2\d\d|304|412) in \(400, 401, 404", ran.stdout, re.MULTILINE)
