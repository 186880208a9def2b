"""The PostgreSQL of development survives signals and kills, and stops with its last user."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests import ROOT
from tests.support.postgres import stop_unused
from tests.support.processes import Process, running
from tests.support.waiting import LIMIT, wait_until
from todo_api.database import embedded

USE = """
import sys
from pathlib import Path
from todo_api.database import embedded
print(embedded.start(Path(sys.argv[1]), "fsync=off"), flush=True)
sys.stdin.read()
"""


class User:
    """A process that uses the server of a folder until `end` is called."""

    def __init__(self, process: Process) -> None:
        self.process = process
        assert process.stdout
        self.url = process.stdout.readline().strip()

    def end(self, number: int | None = None) -> int:
        if number is not None:
            self.process.send_signal(number)
        self.process.communicate(timeout=LIMIT)
        return self.process.returncode


Use = Callable[[Path], User]


@pytest.fixture
def use() -> Iterator[Use]:
    """Start a process that uses the server of a folder."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with ExitStack() as stack:

        def start(folder: Path) -> User:
            command = [sys.executable, "-c", USE, folder]
            return User(stack.enter_context(running(command, cwd=ROOT, **pipes)))

        yield start


def ask(url: str, statement: str) -> Any:
    engine = sa.create_engine(
        url.replace("postgresql:", "postgresql+psycopg2:"),
        poolclass=sa.NullPool,
        isolation_level="AUTOCOMMIT",
    )
    with engine.connect() as connection:
        result = connection.exec_driver_sql(statement)
        return result.scalar_one() if result.returns_rows else None


def is_up(url: str) -> bool:
    try:
        return bool(ask(url, "SELECT true"))
    except sa.exc.OperationalError:
        return False


def stops(folder: Path) -> bool:
    """Return whether a process is starting or stopping the server."""
    with (embedded.own_folder(folder) / "start.lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_signals_during_the_stop_do_not_leave_the_server_running(
    folder: Path, use: Use, first: int
) -> None:
    user = use(folder)
    user.process.send_signal(first)
    wait_until(lambda: stops(folder) or user.process.poll() is not None, "it does not stop")

    def has_ended() -> bool:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            user.process.send_signal(number)
        return user.process.poll() is not None

    wait_until(has_ended, "the process does not end")
    assert not is_up(user.url)


def test_server_is_shared_and_stops_with_its_last_user(folder: Path, use: Use) -> None:
    first, second = use(folder), use(folder)
    assert first.url == second.url
    ask(first.url, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert first.end() == 0
    assert is_up(second.url)
    assert second.end() == 0
    assert not is_up(second.url)
    socket_folder = str(sa.make_url(second.url).query["host"])
    assert not Path(socket_folder).exists()
    third = use(folder)
    assert ask(third.url, "SELECT answer FROM kept") == 42
    third.end()


def test_each_folder_has_its_own_server(folder: Path, use: Use) -> None:
    one, other = use(folder / "one"), use(folder / "other")
    assert one.url != other.url
    one.end()
    assert is_up(other.url)
    other.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signal_that_ends_the_process_stops_the_server(folder: Path, use: Use, number: int) -> None:
    user = use(folder)
    user.end(number)
    assert not is_up(user.url)


def test_killed_process_does_not_keep_the_server(folder: Path, use: Use) -> None:
    killed = use(folder)
    killed.end(signal.SIGKILL)
    assert is_up(killed.url)
    later = use(folder)
    assert later.url == killed.url
    later.end()
    assert not is_up(later.url)


def test_server_of_killed_processes_can_be_stopped(folder: Path, use: Use) -> None:
    killed, other = use(folder), use(folder)
    killed.end(signal.SIGKILL)
    stop_unused(folder)
    assert is_up(other.url)
    other.end(signal.SIGKILL)
    stop_unused(folder)
    assert not is_up(other.url)


def test_folder_with_a_long_path_works(folder: Path, use: Use) -> None:
    long = use(folder / ("deep" * 30))
    assert is_up(long.url)
    long.end()


def test_interrupted_first_start_is_repaired(folder: Path, use: Use) -> None:
    with running([sys.executable, "-c", USE, folder], cwd=ROOT) as killed:
        while not list(folder.glob("data*/PG_VERSION")):  # without a pause, to kill it early
            assert killed.poll() is None, "initdb does not start"
        killed.kill()
        user = use(folder)  # beside the initdb of the killed process
    assert is_up(user.url)
    user.end()


def test_process_ends_cleanly_after_the_server_died(folder: Path, use: Use) -> None:
    user = use(folder)
    pid = int((folder / "data/postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    programs = embedded.find_programs()
    wait_until(lambda: not embedded.is_running(programs, folder), "nothing reaps processes here")
    assert user.end() == 0
