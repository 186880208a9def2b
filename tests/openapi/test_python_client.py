"""A client that openapi-python-client generates from openapi.json works with the service."""

import os
from pathlib import Path

import pytest

from tests import ROOT
from tests.support.client import Token
from tests.support.processes import run, wait_for
from tests.support.serving import Server, answers

PROGRAMS = Path(__file__).with_name(".venv") / "bin"
USE = """
import sys
from client import AuthenticatedClient
from client.api.tasks import create_task, delete_task, get_task, list_tasks, update_task
from client.models import ApiError, ErrorType, NewTask, Priority, Sort, TaskChanges

url, token = sys.argv[1:]
with AuthenticatedClient(url, token) as client:
    first = create_task.sync(client=client, body=NewTask("Buy milk", tags=["home"]))
    assert (first.title, first.priority, first.tags) == ("Buy milk", Priority.MEDIUM, ["home"])
    assert get_task.sync(first.id, client=client) == first
    high = TaskChanges(priority=Priority.HIGH)
    changed = update_task.sync(first.id, client=client, body=high)
    assert (changed.priority, changed.tags) == (Priority.HIGH, ["home"])
    second = create_task.sync(client=client, body=NewTask("Call the bank"))
    newest_first = list_tasks.sync(client=client, sort=Sort.CREATED_AT_DESC)
    assert newest_first == [second, changed]
    assert list_tasks.sync(client=client, tag=["home"]) == [changed]
    assert delete_task.sync_detailed(first.id, client=client).status_code == 204
    gone = get_task.sync(first.id, client=client)
    assert isinstance(gone, ApiError) and gone.error_type is ErrorType.NOT_FOUND_ERROR
"""


def test_generated_python_client_creates_gets_changes_lists_and_deletes(
    database_url: str, token: Token, tmp_path: Path
) -> None:
    generator = PROGRAMS / "openapi-python-client"
    if not generator.exists():
        pytest.skip("openapi-python-client is not installed: make lint-openapi installs it")
    generate = [generator, "generate", "--path", ROOT / "openapi.json", "--fail-on-warning"]
    with_ruff = os.environ | {"PATH": f"{PROGRAMS}:{os.environ['PATH']}"}  # formats what it makes
    made = run([*generate, "--meta=none", f"--output-path={tmp_path / 'client'}"], env=with_ruff)
    assert made.returncode == 0, made.stdout + made.stderr
    with Server(tmp_path / "log", database_url) as server:
        wait_for(server.process, lambda: answers(server), "the service is not ready")
        url = f"http://127.0.0.1:{server.port}"
        used = run([PROGRAMS / "python", "-c", USE, url, token("ann")], cwd=tmp_path)
    assert used.returncode == 0, used.stderr
