"""A failing test prints little, one file runs without workers, and no test waits forever."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests import NOT_NEW, ROOT
from tests.pytest_hooks import pytest_xdist_auto_num_workers
from tests.support.processes import run

MANY = 1 + (os.cpu_count() or 1)
UNMEASURED = {name: text for name, text in os.environ.items() if not name.startswith("COV")}

FAILING = """
from todo_api.config import Config
from tests import SECRET
from todo_api import create_app


def test_that_logs_and_compares_much():
    client = create_app(Config(SECRET, "postgresql://host/database")).test_client()
    for _ in range(300):
        client.get("/health")
    assert [{"title": str(n)} for n in range(300)] == []
"""

SKIPPING = """
import pytest


@pytest.mark.skipif(True, reason="curl is not installed")
@pytest.mark.parametrize("number", range(3))
def test_with_curl(number):
    pass


def test_with_wrk():
    pytest.skip("wrk is not installed")
"""


def run_pytest(folder: Path, code: str) -> str:
    """Run a test file of its own in a copy of the checkout, and return what pytest prints."""
    checkout = folder / "todo"
    shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(*NOT_NEW))
    (checkout / "tests/unit/test_own.py").write_text(code)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/unit/test_own.py"]
    ran = run(command, cwd=checkout, env=UNMEASURED | {"CI": "true"})
    return ran.stdout + ran.stderr


def test_one_file_runs_without_workers_and_prints_a_short_failure_and_what_it_skips(
    folder: Path,
) -> None:
    """In CI too, where pytest prints the whole of a comparison."""
    printed = run_pytest(folder, FAILING + SKIPPING)
    assert "\n   3  curl is not installed\n   1  wrk is not installed\n" in printed
    assert "lines left out" in printed
    assert '"route":"/health"' in printed
    assert "Captured log" not in printed
    assert len(printed.splitlines()) < 150
    assert "workers" not in printed


def test_no_test_runs_for_ever_by_default(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.pluginmanager.hasplugin("timeout")
    assert pytestconfig.getini("timeout") == "300"


def test_tests_can_be_chosen_by_what_they_use() -> None:
    """So `make pooled` needs no list of tests, which could lack a new one."""
    command = [sys.executable, "-m", "pytest", "--uses=config", "--collect-only", "-q"]
    printed = run([*command, "tests/unit/test_logs.py"], cwd=ROOT, env=UNMEASURED).stdout
    assert "test_request_is_one_line" in printed  # the client uses the settings
    assert "test_line_outside_a_request_has_no_request_id" not in printed


@pytest.mark.parametrize(
    ("named", "workers"),
    [
        (["tests/unit/test_config.py"], 0),
        (["tests/unit/test_config.py::test_a", "tests/unit/test_config.py::test_b"], 0),
        (["tests/unit/test_config.py", "tests/unit/test_logs.py"], MANY),
        (["tests/unit"], MANY),
        ([], MANY),
    ],
)
def test_only_tests_of_one_file_do_without_workers(
    monkeypatch: pytest.MonkeyPatch,
    pytestconfig: pytest.Config,
    named: list[str],
    workers: int,
) -> None:
    monkeypatch.setattr(pytestconfig.option, "file_or_dir", named)
    monkeypatch.chdir(ROOT)
    assert pytest_xdist_auto_num_workers(pytestconfig) == workers
