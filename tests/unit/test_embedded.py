"""The PostgreSQL of development: shared while it is used, gone with its last user."""

import os
import pwd
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests import ROOT
from tests.support.postgres import FAST
from todo_api import embedded
from todo_api.db import resolve_url

USE = """
import sys
from pathlib import Path
from todo_api import embedded
print(embedded.start(Path(sys.argv[1]), "fsync=off"), flush=True)
sys.stdin.read()
"""


# Waits until it may write into a folder, then puts a symbolic link there.
RACE = 'until [ -w "$1" ]; do :; done; exec ln -sf "$2" "$3"'

needs_root = pytest.mark.skipif(not embedded.is_root(), reason="only root can give files away")


class User:
    """A process that uses the server of a folder until it is told to end."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USE, str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.url = self.process.stdout.readline().strip()

    def end(self, number: int | None = None) -> int:
        if number is not None:
            self.process.send_signal(number)
        self.process.communicate()
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
    again = User(folder)
    assert ask(again.url, "SELECT answer FROM kept") == 42
    again.end()


def test_folders_do_not_disturb_each_other(folder: Path) -> None:
    one, other = User(folder / "one"), User(folder / "other")
    assert one.url != other.url
    one.end()
    assert is_up(other.url)
    other.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signal_that_ends_the_process_stops_the_server(folder: Path, number: int) -> None:
    only = User(folder)
    only.end(number)
    assert not is_up(only.url)


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


def test_interrupted_first_start_is_made_good(folder: Path) -> None:
    killed = subprocess.Popen([sys.executable, "-c", USE, str(folder)], cwd=ROOT)
    while not list(folder.glob("data*/PG_VERSION")):
        assert killed.poll() is None
    killed.kill()
    killed.wait()
    only = User(folder)
    assert is_up(only.url)
    only.end()


def test_server_that_died_is_no_reason_to_fail_at_the_end(folder: Path) -> None:
    only = User(folder)
    pid = int((folder / "data/postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while embedded.is_running(embedded.find_programs(), folder):
        assert time.monotonic() < deadline, "nothing reaps processes here"
        time.sleep(0.05)
    assert only.end() == 0


def test_start_in_one_process_is_done_once(server: str) -> None:
    if "TEST_DATABASE_URL" in os.environ:
        pytest.skip("the run has a PostgreSQL of its own, so none is started")
    url = embedded.start(ROOT / "instance/test-postgres", *FAST)
    assert sa.make_url(url).query == sa.make_url(server).query


def test_failure_shows_what_the_program_said(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data/PG_VERSION").write_text("9.0")
    with pytest.raises(RuntimeError, match=r"(?s)pg_ctl failed:\n.*pg_ctl: "):
        embedded.start(folder)


def test_missing_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(RuntimeError, match=r"requirements-dev\.txt"):
        embedded.find_programs()


def test_other_user_than_root_runs_everything_as_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "user" not in embedded.as_server_user()
    owner = tmp_path.stat().st_uid
    embedded.chown_to_server_user(tmp_path)
    assert tmp_path.stat().st_uid == owner
    assert embedded.own_folder(tmp_path / "private/instance") == tmp_path / "private/instance"
    assert embedded.find_programs().is_relative_to(sys.prefix)


def test_root_runs_the_server_as_nobody_and_opens_no_folder_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(embedded, "STATE", tmp_path / "state")
    monkeypatch.setattr(embedded, "open_to_all", lambda _: False)
    options = embedded.as_server_user()
    assert options["user"] == "nobody"
    assert options["group"] == pwd.getpwnam("nobody").pw_gid
    home = embedded.own_folder(tmp_path / "instance")
    assert home.parent == tmp_path / "state"
    assert embedded.own_folder(tmp_path / "other") != home
    programs = embedded.find_programs()
    assert programs.is_relative_to(tmp_path / "state")
    assert embedded.find_programs() == programs
    for name in ("postgres", "initdb", "pg_ctl"):
        version = subprocess.run([programs / name, "--version"], capture_output=True, text=True)
        assert "(PostgreSQL) 18" in version.stdout


@needs_root
def test_programs_stay_roots_and_only_root_can_change_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "STATE", folder / "state")
    monkeypatch.setattr(embedded, "open_to_all", lambda _: False)
    umask = os.umask(0o077)
    try:
        programs = embedded.find_programs()
    finally:
        os.umask(umask)
    copied = [path for path in (folder / "state").rglob("*") if not path.is_symlink()]
    assert "postgres" in {path.name for path in copied}
    assert {path.stat().st_uid for path in copied} == {0}
    modes = {stat.S_IMODE(path.stat().st_mode) for path in copied if path.suffix != ".lock"}
    assert modes == {0o755, 0o644}
    embedded.run(programs / "postgres", "--version")


@needs_root
def test_server_user_cannot_swap_a_link_into_a_folder_before_its_content_is_given(
    folder: Path,
) -> None:
    secret = folder / "secret"
    secret.touch()
    given = folder / "given"
    given.mkdir()
    for number in range(3_000):
        (given / str(number)).touch()
    *_, last = given.rglob("*")
    arguments = [str(path) for path in (given, secret, last)]
    user = embedded.as_server_user()
    with subprocess.Popen(["sh", "-c", RACE, "sh", *arguments], **user) as attacker:
        embedded.chown_to_server_user(given)
        output, _ = attacker.communicate(timeout=20)
    assert last.is_symlink(), output
    assert secret.owner() == "root"


@needs_root
def test_folder_is_given_with_its_content_but_not_with_what_links_point_to(folder: Path) -> None:
    outside = folder / "outside"
    (outside / "kept").mkdir(parents=True)
    given = folder / "given"
    (given / "inner").mkdir(parents=True)
    (given / "inner/file").touch()
    (given / "link").symlink_to(outside)
    embedded.chown_to_server_user(given)
    owners = {path.name: path.lstat().st_uid for path in (given, *given.rglob("*"))}
    nobody = pwd.getpwnam("nobody").pw_uid
    assert owners == dict.fromkeys(("given", "inner", "file", "link"), nobody)
    assert {path.owner() for path in (outside, outside / "kept")} == {"root"}


def test_folder_is_open_to_all_if_every_parent_is(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    inner = closed / "inner"
    inner.mkdir(parents=True)
    closed.chmod(0o700)
    assert not embedded.open_to_all(inner)
    (tmp_path / "link").symlink_to(inner)
    assert not embedded.open_to_all(tmp_path / "link")
    assert embedded.open_to_all(Path("/usr"))


def test_signal_handlers_are_set_in_the_main_thread_alone() -> None:
    before = signal.getsignal(signal.SIGHUP)
    thread = threading.Thread(target=embedded.exit_on_signals)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGHUP) == before


def test_signal_handler_of_another_is_left_alone() -> None:
    def other(*_: object) -> None: ...

    before = signal.signal(signal.SIGHUP, other)
    try:
        embedded.exit_on_signals()
        assert signal.getsignal(signal.SIGHUP) is other
    finally:
        signal.signal(signal.SIGHUP, before)
