"""The child processes of tests: they get their signals, and end with their test."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from tests.support.waiting import LIMIT, wait_until

Process = subprocess.Popen[Any]

SETPRIV = shutil.which("setpriv")  # of Linux
WITH_PARENT = [SETPRIV, "--pdeathsig", "KILL"] if SETPRIV else []
"""Ends a child whose parent is killed. The thread that starts the child counts as its parent."""


def measured() -> dict[str, str]:
    """Return the variables that a Python process needs to count for the coverage.

    They make it a half slower, so only the tests that need it pass them on.
    """
    return {name: text for name, text in os.environ.items() if name.startswith("COVERAGE_")}


def pytest_configure() -> None:
    """Let children get signals that the shell ignores: they inherit "ignored", but no handler."""
    for number in (signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def start(command: Sequence[Any], **options: Any) -> Process:
    """Start a process in a group of its own. `end` must follow."""
    return subprocess.Popen([*WITH_PARENT, *command], start_new_session=True, **options)


def wait_for(process: Process, condition: Callable[[], object], failure: str) -> None:
    """Return when ``condition()`` is true. If it does not become true, end the process."""
    try:
        wait_until(condition, failure)
    except BaseException:
        end(process)
        raise


def end(process: Process) -> None:
    """Stop a process, and kill what is left of its group."""
    try:
        process.terminate()
        process.wait(LIMIT)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(LIMIT)


@contextmanager
def running(command: Sequence[Any], **options: Any) -> Iterator[Process]:
    """Run a process while a `with` lasts."""
    with start(command, **options) as process:
        try:
            yield process
        finally:
            end(process)


def run(command: Sequence[Any], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command until it ends, then end its children. The time limit is that of the test."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    with running(command, **options) as process:
        output, errors = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, output, errors)
