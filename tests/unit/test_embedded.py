"""The PostgreSQL of development: its programs, its folders and their owners."""

import atexit
import fcntl
import functools
import importlib.util
import os
import pwd
import signal
import stat
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2
import pytest
import sqlalchemy as sa

from tests import ROOT
from tests.support.postgres import FAST
from tests.support.processes import run
from tests.support.waiting import LIMIT
from todo_api.database import embedded

needs_root = pytest.mark.skipif(
    not embedded.is_root(), reason="only root can change a file's owner"
)


def test_second_start_in_a_process_returns_the_same_server(server: str) -> None:
    if "TEST_DATABASE_URL" in os.environ:
        pytest.skip("the run has a PostgreSQL of its own, so none is started")
    url = embedded.start(ROOT / "instance/test-postgres", *FAST)
    assert sa.make_url(url).query == sa.make_url(server).query


def test_new_server_starts_and_its_last_user_stops_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered: list[Callable[[], None]] = []

    def register(function: Callable[..., None], *arguments: object) -> None:
        registered.append(functools.partial(function, *arguments))

    monkeypatch.setattr(atexit, "register", register)
    monkeypatch.setenv("PGPORT", "6543")  # of another server
    url = sa.make_url(embedded.start(folder, *FAST))
    monkeypatch.setenv("PGPORT", "6544")
    psycopg2.connect(url.render_as_string()).close()
    programs, home = embedded.find_programs(), embedded.own_folder(folder)
    assert embedded.is_running(programs, home)
    release, _ = registered
    with (home / "users.lock").open("w") as other_user:
        fcntl.flock(other_user, fcntl.LOCK_SH)
        release()
        assert embedded.is_running(programs, home)
    release()
    release()
    assert not embedded.is_running(programs, home)
    assert not Path(str(url.query["host"])).exists()


def test_failure_shows_the_output_of_the_program(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data/PG_VERSION").write_text("9.0")
    with pytest.raises(RuntimeError, match=r"(?s)pg_ctl failed:\n.*pg_ctl: "):
        embedded.start(folder)


def test_missing_wheel_names_the_requirements_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(RuntimeError, match=r"requirements-run\.txt"):
        embedded.find_programs()


def test_non_root_user_runs_the_server_as_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "user" not in embedded.as_server_user()
    owner = tmp_path.stat().st_uid
    embedded.chown_to_server_user(tmp_path)
    assert tmp_path.stat().st_uid == owner
    assert embedded.own_folder(tmp_path / "private/instance") == tmp_path / "private/instance"
    assert embedded.find_programs().is_relative_to(sys.prefix)


def test_root_runs_the_server_as_nobody_without_opening_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(embedded, "ROOT_FOLDER", tmp_path / "state")
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
        version = run([programs / name, "--version"])
        assert "(PostgreSQL) 18" in version.stdout


@needs_root
def test_copied_programs_are_writable_by_root_only(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "ROOT_FOLDER", folder / "state")
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


def test_folder_is_open_to_all_if_every_parent_is(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    inner = closed / "inner"
    inner.mkdir(parents=True)
    closed.chmod(0o700)
    assert not embedded.open_to_all(inner)
    (tmp_path / "link").symlink_to(inner)
    assert not embedded.open_to_all(tmp_path / "link")
    assert embedded.open_to_all(Path("/usr"))


def test_signal_handlers_are_set_only_in_the_main_thread() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        with ThreadPoolExecutor() as pool:
            pool.submit(embedded.exit_on_signals).result(LIMIT)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


def test_existing_signal_handler_is_kept() -> None:
    def other(*_: object) -> None: ...

    before = signal.signal(signal.SIGHUP, other)
    try:
        embedded.exit_on_signals()
        assert signal.getsignal(signal.SIGHUP) is other
    finally:
        signal.signal(signal.SIGHUP, before)


def test_signals_are_ignored_while_the_server_stops() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    try:
        embedded.ignore_signals()
        assert {signal.getsignal(number) for number in numbers} == {signal.SIG_IGN}
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
