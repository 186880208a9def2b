"""The commands that a newcomer runs do what they are asked, and no more."""

import os
import runpy
import shutil
import socket
import sys
from io import StringIO
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from dotenv import dotenv_values

from benchmarks.run import find_services
from tests import ROOT
from tests.docs.runner import copy_checkout
from tests.support.processes import run
from tests.support.serving import free_port


def test_help_of_the_benchmark_starts_nothing() -> None:
    ran = run(
        [sys.executable, "-m", "benchmarks.run", "--help"], cwd=ROOT, env={"PATH": "/nowhere"}
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("usage: python -m benchmarks.run")


def test_benchmark_leaves_out_the_peer_in_node_and_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_services()[0] == ["todo_api", "FastAPI", "Django Ninja"]
    assert capsys.readouterr().out.splitlines() == [
        "Fastify was skipped: Node 20.9 or newer and npm are required. Install them first.",
        "",
    ]


def make(target: str, cwd: Path, *variables: str) -> CompletedProcess[str]:
    """Run a target of the Makefile in ``cwd`` with the packages of this interpreter."""
    return run(
        ["make", "-f", ROOT / "Makefile", "-o", ".venv/installed", target, *variables],
        cwd=cwd,
        env={"PATH": os.environ["PATH"]},  # not the variables of a make around the tests
    )


@pytest.mark.parametrize(
    ("text", "is_added"),
    [
        ("", True),
        ("FLASK_RUN_PORT=8001", True),
        ("BETTER_AUTH_SECRET=\n", True),
        ("#BETTER_AUTH_SECRET=x\n", True),
        ("export BETTER_AUTH_SECRET = x\n", False),
        ("BETTER_AUTH_SECRET_FILE=x\n", False),
    ],
)
def test_secret_is_added_to_settings_without_one(folder: Path, text: str, is_added: bool) -> None:
    settings = folder / ".env"
    settings.write_text(text)
    ran = make(".env", folder)
    before = dotenv_values(stream=StringIO(text))
    added = set(dotenv_values(settings).items()) - set(before.items())
    assert [name for name, _ in added] == ["BETTER_AUTH_SECRET"] * is_added
    assert ran.stdout == "wrote a random BETTER_AUTH_SECRET into .env\n" * is_added


def test_check_runs_every_step_and_reports_those_that_failed(folder: Path) -> None:
    for step, status in {"ruff": 1, "mypy": 0, "pytest": 1}.items():
        program = folder / step
        program.write_text(f"#!/bin/sh\necho {step} ran\nexit {status}\n")
        program.chmod(0o755)
    ran = make("check", folder, f"BIN={folder}")
    assert ran.returncode != 0
    *steps, last = ran.stdout.splitlines()
    assert steps == ["ruff ran", "ruff ran", "mypy ran", "pytest ran"]
    assert last.startswith("make check failed in ruff check ., ruff format --check ., pytest")


def test_check_succeeds_when_every_step_does(folder: Path) -> None:
    for step in ("ruff", "mypy", "pytest"):
        (folder / step).symlink_to("/bin/true")
    ran = make("check", folder, f"BIN={folder}")
    assert (ran.returncode, ran.stdout) == (0, "")


def test_format_goes_on_after_a_line_that_it_cannot_shorten(folder: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "messy.py").write_text(f"import os\nx = '{'long ' * 30}'\ny = ( 1,2 )\n")
    ran = make("format", folder, f"BIN={Path(sys.executable).parent}")
    assert (folder / "messy.py").read_text() == f'x = "{"long " * 30}"\ny = (1, 2)\n'
    assert "E501" in ran.stdout
    assert ran.returncode != 0


def test_openapi_says_that_the_types_of_the_example_follow(folder: Path) -> None:
    (folder / "flask").symlink_to("/bin/true")
    ran = make("openapi", folder, "-o", ".env", f"BIN={folder}")
    next_commands = "cd examples/nextjs && npm ci && npm run types && npm run check"
    assert (ran.returncode, ran.stdout) == (0, f"Next: {next_commands}\n")


@pytest.mark.parametrize("variable", ["FLASK_RUN_PORT", "FRONTEND_PORT"])
def test_demo_names_the_variable_of_a_port_in_use(
    monkeypatch: pytest.MonkeyPatch, folder: Path, variable: str
) -> None:
    checkout = copy_checkout(folder)
    monkeypatch.setattr(os, "environ", {"PATH": "/nowhere"})
    monkeypatch.setattr(sys, "argv", ["run.py", "demo"])
    monkeypatch.setattr(sys, "path", [*sys.path])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        ports = {"FLASK_RUN_PORT": free_port(), "FRONTEND_PORT": free_port(), variable: taken}
        lines = [f"{name}={port}\n" for name, port in ports.items()]
        (checkout / ".env").write_text("".join(lines))
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(checkout / "examples/nextjs/run.py"), run_name="__main__")
    assert ended.value.code == f"Port {taken} is in use. Set {variable} to another one."
