"""The PostgreSQL of development survives signals and kills, and stops with its last user."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from select import select
from typing import Any

import pytest
import sqlalchemy as sa

from tests import ROOT
from tests.support.waiting import wait_until
from todo_api.database import embedded
from todo_api.database.url import resolve_url

USE = """
import sys
from pathlib import Path
from todo_api.database import embedded
print(embedded.start(Path(sys.argv[1]), "fsync=off"), flush=True)
sys.stdin.read()
"""


class User:
    """A process that uses the server of a folder until `end` is called."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USE, str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        assert select([self.process.stdout], [], [], 30)[0], "the server does not start"
        self.url = self.process.stdout.readline().strip()

    def end(self, number: int | None = None) -> int:
        if number is not None:
            self.process.send_signal(number)
        self.process.communicate(timeout=30)
        return self.process.returncode


def ask(url: str, statement: str) -> Any:
    engine = sa.create_engine(resolve_url(url), poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        result = connection.exec_driver_sql(statement)
        return result.scalar_one() if result.returns_rows else None


def is_up(url: str) -> bool:
    try:
        return bool(ask(url, "SELECT true"))
    except sa.exc.OperationalError:
        return False


def test_server_is_shared_and_stops_with_its_last_user(folder: Path) -> None:
    first, second = User(folder), User(folder)
    assert first.url == second.url
    ask(first.url, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert first.end() == 0
    assert is_up(second.url)
    assert second.end() == 0
    assert not is_up(second.url)
    socket_folder = str(sa.make_url(second.url).query["host"])
    assert not Path(socket_folder).exists()
    third = User(folder)
    assert ask(third.url, "SELECT answer FROM kept") == 42
    third.end()


def test_each_folder_has_its_own_server(folder: Path) -> None:
    one, other = User(folder / "one"), User(folder / "other")
    assert one.url != other.url
    one.end()
    assert is_up(other.url)
    other.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signal_that_ends_the_process_stops_the_server(folder: Path, number: int) -> None:
    user = User(folder)
    user.end(number)
    assert not is_up(user.url)


def test_killed_process_does_not_keep_the_server(folder: Path) -> None:
    killed = User(folder)
    killed.end(signal.SIGKILL)
    assert is_up(killed.url)
    later = User(folder)
    assert later.url == killed.url
    later.end()
    assert not is_up(later.url)


def test_folder_with_a_long_path_works(folder: Path) -> None:
    long = User(folder / ("deep" * 30))
    assert is_up(long.url)
    long.end()


def test_interrupted_first_start_is_repaired(folder: Path) -> None:
    killed = subprocess.Popen([sys.executable, "-c", USE, str(folder)], cwd=ROOT)
    deadline = time.monotonic() + 20
    while not list(folder.glob("data*/PG_VERSION")):  # without a pause, to kill it early
        assert killed.poll() is None
        assert time.monotonic() < deadline, "initdb does not start"
    killed.kill()
    killed.wait(10)
    user = User(folder)
    assert is_up(user.url)
    user.end()


def test_process_ends_cleanly_after_the_server_died(folder: Path) -> None:
    user = User(folder)
    pid = int((folder / "data/postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    programs = embedded.find_programs()
    wait_until(lambda: not embedded.is_running(programs, folder), "nothing reaps processes here")
    assert user.end() == 0
