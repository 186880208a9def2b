"""Children of tests get their signals, and end with their test."""

import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests import ROOT
from tests.support.processes import SETPRIV, pytest_configure, run, running
from tests.support.waiting import LIMIT, wait_until

TWO = ["sh", "-c", 'sleep 3600 & echo $! > "$0"; wait']
KILLED = """
import os, signal, subprocess
from tests.support.processes import running

with running(["sh", "-c", "echo $$; exec sleep 3600"], stdout=subprocess.PIPE) as child:
    os.write(1, child.stdout.readline())  # setpriv has run
    os.kill(os.getpid(), signal.SIGKILL)
"""


def is_running(pid: str) -> bool:
    state = Path("/proc", pid, "stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


def test_child_gets_the_signals_that_the_shell_ignores() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        pytest_configure()
        with running(["sleep", "3600"]) as child:
            child.send_signal(signal.SIGINT)
            assert child.wait(LIMIT) == -signal.SIGINT
    finally:
        signal.signal(signal.SIGINT, before)


def test_child_and_its_children_end_with_a_test_that_fails(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    with suppress(TimeoutError), running([*TWO, file]):
        wait_until(lambda: file.exists() and file.read_text(), "no child starts")
        raise TimeoutError
    wait_until(lambda: not is_running(file.read_text().strip()), "a child is left")


@pytest.mark.skipif(SETPRIV is None, reason="only Linux ends the children of a killed process")
def test_child_ends_with_a_worker_that_is_killed() -> None:
    killed = run([sys.executable, "-c", KILLED], cwd=ROOT)
    assert killed.returncode == -signal.SIGKILL
    wait_until(lambda: not is_running(killed.stdout.strip()), "the child is left")
