"""Runs the blocks of a page against a service of its own, and compares what they print."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests import NOT_NEW, ROOT, SECRET
from tests.docs.markdown import Block, Step
from tests.support import processes
from tests.support.serving import Endpoint, Server, answers, free_port
from tests.support.waiting import LIMIT, wait_until
from todo_api import embedded

PORT = 8000  # in the documentation
HOME = "/home/you/todo_api"  # in the documentation
HIDDEN_FILES = (".flaskenv", ".env.example")
SEPARATOR = "\x1e"
ELLIPSIS = "..."
MORE_ITEMS = re.compile(r"(?<=[\[,])\s*\.\.\.\s*(?=\])")
MORE_FIELDS = re.compile(r"(?<=[{,])\s*\.\.\.\s*(?=\})")
EXPANDED_WIDTH = 96  # characters of a JSON value on one line
# What differs from run to run. Everything else that a page shows must be equal.
MASKS = {
    r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)": "TIME",
    r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b": "UUID",
    r"(?<![\w.])\.?[\w-]{16,}(\.[\w-]{16,})+": "TOKEN",
    r"\b[0-9a-f]{16,64}\b": "HEX",
    r"(?<![\w.])(?!127\.)\d+\.\d+(\.\d+)*": "0.0",
    r'("(?:p95|duration_ms)": ?)\d+(?=})': r"\g<1>0.0",  # jq leaves out a fraction of 0
    r"\bpid:? \d+": "pid 1",
}

Environment = dict[str, str]


def copy_checkout(folder: Path) -> Path:
    """Make a fresh copy of this checkout with the installed packages."""
    copy = folder / "todo_api"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*NOT_NEW))
    for name in HIDDEN_FILES:
        shutil.copy2(ROOT / name, copy)
    (copy / ".venv").symlink_to(sys.prefix)
    return copy


@contextmanager
def service(checkout: Path, database_url: str) -> Iterator[tuple[int, Environment]]:
    """Serve with gunicorn. Yield the port, and the environment that `flask` needs too."""
    environ = {"BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": database_url}
    with Server(checkout / "service.log", database_url, 0, 0, checkout) as server:
        yield server.port, environ


@contextmanager
def served_by(block: Block, checkout: Path) -> Iterator[tuple[int, Environment]]:
    """Serve with the commands of a block, such as `make run`, and stop it as Ctrl-C does."""
    endpoint = Endpoint(free_port())
    log = checkout / "service.log"
    environ = {"FLASK_RUN_PORT": str(endpoint.port)}
    options = {"cwd": checkout, "env": clean_environment(checkout) | environ}

    def is_ready() -> bool:
        assert process.poll() is None, f"{block} ended:\n{log.read_text()}"
        return answers(endpoint)

    with (
        log.open("w") as output,
        processes.running(
            ["bash", "-euc", block.text], stdout=output, stderr=output, **options
        ) as process,
    ):
        try:
            wait_until(is_ready, f"{block} does not serve")
            yield endpoint.port, environ
        finally:
            with suppress(ProcessLookupError):  # it may have ended by itself
                os.killpg(process.pid, signal.SIGINT)
            process.wait(LIMIT)


def clean_environment(checkout: Path) -> Environment:
    """Return an environment without the settings of these tests, and with PostgreSQL's programs."""
    path = f"{os.environ['PATH']}:{embedded.find_programs()}"
    return {"PATH": path, "HOME": str(checkout.parent), "LC_ALL": "C.UTF-8"}


def run(steps: list[Step], checkout: Path, port: int, environ: Environment) -> list[str]:
    """Run the steps in one shell. Return what each of them prints."""
    script = checkout.parent / "script.sh"
    lines = [f"{command(step.block)}\nprintf '{SEPARATOR}'\n" for step in steps]
    script.write_text(
        re.sub(rf"(?<=localhost:){PORT}\b", str(port), "".join(["set -eu\n", *lines]))
    )
    ran = processes.run(
        ["bash", script],
        cwd=checkout,
        env=clean_environment(checkout) | environ,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    *printed, rest = as_documented(ran.stdout, checkout, port).split(SEPARATOR)
    if len(printed) < len(steps):
        failed = steps[len(printed)].block
        raise AssertionError(f"{failed} failed:\n{rest}")
    return printed


def run_commands(commands: str, folder: Path, environ: Environment) -> str:
    """Run shell commands in a folder, and return what they print."""
    done = subprocess.run(
        ["bash", "-euc", commands], cwd=folder, env=environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def command(block: Block) -> str:
    """Return the shell commands that do what a block says."""
    if block.mark == "file":
        name = f'"{block.value}"'
        return f'mkdir -p "$(dirname {name})"\n' + with_input(f"cat >{name}", block.text)
    if block.language == "sql":
        return with_input('psql -X -q -v ON_ERROR_STOP=1 "$DATABASE_URL"', block.text)
    if block.language == "diff":
        file = re.search(r"^\+\+\+ b/(.*\*.*)$", block.text, re.MULTILINE)
        return with_input(f"patch --quiet --fuzz=0 {file[1] if file else '-p1'}", block.text)
    if block.mark == "exits":
        return f"set +e\n{block.text}\n[ $? = {block.value} ] || exit 1\nset -e"
    return block.text


def with_input(command: str, text: str) -> str:
    return f"{command} <<'END_OF_BLOCK'\n{text}END_OF_BLOCK"


def as_documented(text: str, checkout: Path, port: int) -> str:
    """Return a text with the port and the folder that the documentation has."""
    return re.sub(rf"\b{port}\b", str(PORT), text.replace(str(checkout), HOME))


def shows(shown: Block, printed: str) -> bool:
    """Return whether a block shows what was printed."""
    expected, actual = mask(shown.text), mask(printed.replace("\r\n", "\n"))
    if shown.language == "text":
        return fits(expected, actual)
    if shown.language == "http":
        return fits_response(expected, actual)
    return fits_json(expected, actual)


def fits_response(expected: str, actual: str) -> bool:
    """Compare the shown headers in any order, and the body if there is one."""
    head, _, body = expected.partition("\n\n")
    actual_head, _, actual_body = actual.partition("\n\n")
    sent = [line.lower() for line in actual_head.splitlines()]
    same = all(line.lower() in sent for line in head.splitlines())
    return same and (not body or fits_json(body, actual_body))


def fits_json(expected: str, actual: str) -> bool:
    try:
        return fits_value(read_json(expected), json.loads(actual))
    except ValueError:
        return False


def mask(text: str) -> str:
    for pattern, name in MASKS.items():
        text = re.sub(pattern, name, text)
    return text


def read_json(text: str) -> Any:
    """Read JSON with `...` in the place of further fields or items."""
    text = MORE_ITEMS.sub(f'"{ELLIPSIS}"', text)
    return json.loads(MORE_FIELDS.sub(f'"{ELLIPSIS}": 0', text))


def fits_value(expected: Any, actual: Any) -> bool:
    if isinstance(expected, dict) and isinstance(actual, dict):
        names = expected.keys() - {ELLIPSIS}
        complete = ELLIPSIS in expected or names == actual.keys()
        same = (name in actual and fits_value(expected[name], actual[name]) for name in names)
        return complete and all(same)
    if isinstance(expected, list) and isinstance(actual, list):
        items = [item for item in expected if item != ELLIPSIS]
        complete = len(items) < len(expected) or len(items) == len(actual)
        return complete and len(items) <= len(actual) and all(map(fits_value, items, actual))
    if isinstance(expected, str) and isinstance(actual, str):
        return fits(expected, actual)
    return type(expected) is type(actual) and bool(expected == actual)


def fits(expected: str, actual: str) -> bool:
    """Compare texts. A line `...` stands for any lines, and `…` for any characters of a line."""
    lines = (
        r"(?:.*\n)*?" if line == ELLIPSIS else re.escape(line).replace("…", ".*") + r"\s*?\n"
        for line in expected.strip("\n").splitlines()
    )
    return re.fullmatch("".join(lines), actual.strip("\n") + "\n") is not None


def difference(shown: Block, printed: str) -> str:
    return f"{shown} shows\n{shown.text}\nbut this was printed:\n{printed}"


def write_output(shown: Block, printed: str) -> None:
    """Put what was printed in the place of the lines of a block that do not fit it."""
    lines = shown.page.read_text().split("\n")
    indent = lines[shown.line - 1].partition("`")[0]
    end = shown.line + len(shown.text.splitlines())
    lines[shown.line : end] = [(indent + line).rstrip() for line in keep_fitting(shown, printed)]
    shown.page.write_text("\n".join(lines))


def keep_fitting(shown: Block, printed: str) -> Iterator[str]:
    """Return the lines of what was printed, or the shown line where it fits."""
    left = shown.text.splitlines()
    for line in shape(shown, printed):
        same = (n for n, old in enumerate(left) if old != ELLIPSIS and fits(mask(old), mask(line)))
        at = next(same, None)
        yield line if at is None else left[at]
        left = left if at is None else left[at + 1 :]


def shape(shown: Block, printed: str) -> list[str]:
    """Return what was printed in the form of a block: JSON expanded, and only the headers shown."""
    printed = printed.replace("\r\n", "\n").strip("\n")
    if shown.language == "text":
        return printed.splitlines()
    if shown.language == "json":
        return expand(json.loads(printed)).splitlines()
    (status, *headers), body = (
        printed.split("\n\n", 1)[0].splitlines(),
        printed.partition("\n\n")[2],
    )
    names = [line.partition(":")[0].lower() for line in shown.text.splitlines()]
    head = [status, *(line for line in headers if line.partition(":")[0].lower() in names)]
    return [*head, "", *expand(json.loads(body)).splitlines()] if body else head


def expand(value: Any, indent: str = "") -> str:
    line = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(line) <= EXPANDED_WIDTH or not isinstance(value, dict | list):
        return line
    more = f"{indent}  "
    if isinstance(value, list):
        items = [expand(item, more) for item in value]
        begin, end = "[]"
    else:
        items = [f"{json.dumps(name)}: {expand(value[name], more)}" for name in value]
        begin, end = "{}"
    return f"{begin}\n{more}" + f",\n{more}".join(items) + f"\n{indent}{end}"
