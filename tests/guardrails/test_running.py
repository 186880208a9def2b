"""A failing test prints little, one file runs without workers, and no test waits forever."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import NOT_NEW, ROOT
from tests.pytest_hooks import pytest_xdist_auto_num_workers

MANY = 2 * (os.cpu_count() or 1)

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


def run_pytest(*arguments: str, cwd: Path = ROOT, **environ: str) -> str:
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("COV")}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=cwd,
        env=inherited | environ,
        capture_output=True,
        text=True,
        timeout=50,
    )
    return ran.stdout + ran.stderr


def test_failure_prints_tens_of_lines(folder: Path) -> None:
    """In CI too, where pytest prints the whole of a comparison."""
    checkout = folder / "todo"
    shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(*NOT_NEW))
    file = checkout / "tests/unit/test_failing.py"
    file.write_text(FAILING)
    printed = run_pytest(str(file), cwd=checkout, CI="true")
    assert "lines left out" in printed
    assert '"route":"/health"' in printed
    assert "Captured log" not in printed
    assert len(printed.splitlines()) < 150


def test_no_test_runs_for_more_than_a_minute_by_default(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.pluginmanager.hasplugin("timeout")
    assert pytestconfig.getini("timeout") == "60"


def test_one_file_runs_without_workers() -> None:
    printed = run_pytest("tests/unit/test_config.py::test_that_has_gone")
    assert "test_that_has_gone" in printed
    assert "workers" not in printed


def test_tests_can_be_chosen_by_what_they_use() -> None:
    """So `make pooled` needs no list of tests, which could lack a new one."""
    printed = run_pytest("--uses=config", "--collect-only", "-q", "tests/unit/test_logs.py")
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
