"""The README's commands run on a copy of the checkout, and its table of settings is complete."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from config import Config
from tests import NOT_NEW, ROOT, SECRET
from tests.support.serving import free_port
from tests.support.waiting import wait_until

README = (ROOT / "README.md").read_text()


class RecordingEnviron(Mapping[str, str]):
    """An environment that records which variables are read."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = environ
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self.environ[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.environ)

    def __len__(self) -> int:
        return len(self.environ)


def test_every_setting_is_in_the_table() -> None:
    environ = RecordingEnviron({"BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": "postgresql://h/db"})
    Config.from_env(environ)
    rows = set(re.findall(r"^\| `([A-Z_]+)` \|", README, re.MULTILINE))
    expect_equal("the README's table", rows, environ.names | {"PORT", "WEB_CONCURRENCY"})
    example = (ROOT / ".env.example").read_text()
    variables = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))
    expect_equal(".env.example", variables, environ.names)


def expect_equal(place: str, listed: set[str], read: set[str]) -> None:
    assert not read - listed, f"read by Config, missing in {place}: {read - listed}"
    assert not listed - read, f"in {place}, not read by Config: {listed - read}"


@pytest.fixture
def checkout(folder: Path) -> Path:
    """A fresh copy of this checkout with the installed packages."""
    if not (Path(sys.prefix) / "installed").exists():
        pytest.skip("make did not install the packages")
    if shutil.which("curl") is None:
        pytest.skip("the README's commands need curl")
    copy = folder / "todo"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*NOT_NEW))
    shutil.copy2(ROOT / ".flaskenv", copy)
    (copy / ".venv").symlink_to(sys.prefix)
    return copy


@contextmanager
def make_run(checkout: Path) -> Iterator[int]:
    """Run `make run`, yield its port, and stop it as Ctrl-C does."""
    port = free_port()
    log = checkout / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            ["make", "run"],
            cwd=checkout,
            env={"PATH": os.environ["PATH"], "FLASK_RUN_PORT": str(port)},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:

        def is_running() -> bool:
            assert process.poll() is None, log.read_text()
            return "Running on" in log.read_text()

        wait_until(is_running, "the service does not start", seconds=60)
        yield port
    finally:
        with suppress(ProcessLookupError):  # it may have failed to start
            os.killpg(process.pid, signal.SIGINT)
        process.wait(30)


def shell(script: str, checkout: Path, port: int) -> str:
    return subprocess.run(
        ["bash", "-euc", script.replace("localhost:8000", f"localhost:{port}")],
        cwd=checkout,
        env={"PATH": os.environ["PATH"]},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout


def test_make_run_and_the_first_task_work_as_documented(checkout: Path) -> None:
    (block,) = re.findall(r"^```sh\n(TOKEN=.*?)^```", README, re.MULTILINE | re.DOTALL)
    postmaster = checkout / "instance/postgres/data/postmaster.pid"
    token, create, complete, listing, delete = block.strip().split("\n\n")
    with make_run(checkout) as port:
        printed = shell(
            "\n".join((token, create, "echo", complete, "echo", listing)), checkout, port
        )
        created, completed, listed = printed.splitlines()
        assert '"id":1,"user_id":"demo","title":"Buy milk"' in created
        assert '"completed":true' in completed
        assert listed == f"[{completed}]"
        assert postmaster.exists()
        assert (checkout / ".env").stat().st_mode & 0o777 == 0o600
        page = shell("curl -sf http://localhost:8000/docs", checkout, port)
        assert "swagger-ui" in page
    assert not postmaster.exists()
    output = (checkout / "log").read_text()
    assert f"http://localhost:{port}/docs" in output
    assert "flask token demo" in output
    with make_run(checkout) as port:
        assert shell(f"{token}\n{listing}", checkout, port) == listed
        assert shell(f"{token}\n{delete}\n{listing}", checkout, port) == "[]"


def test_documented_commands_are_makefile_targets() -> None:
    (block,) = re.findall(r"^```sh\n(make run\n.*?)^```", README, re.MULTILINE | re.DOTALL)
    makefile = (ROOT / "Makefile").read_text()
    for command in block.splitlines():
        assert f"\n{command.removeprefix('make ')}:" in makefile
