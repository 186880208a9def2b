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
from itertools import product
from operator import itemgetter
from pathlib import Path
from typing import Any

from tests import NOT_NEW, ROOT, SECRET
from tests.docs.markdown import Block, Step
from tests.support import processes
from tests.support.serving import Endpoint, Server, answers, free_port
from tests.support.waiting import LIMIT, wait_until
from todo_api.database import embedded

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
    r'("process": ?)\d+': r"\g<1>1",
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
def service(
    steps: list[Step], checkout: Path, database_url: str
) -> Iterator[tuple[int, Environment]]:
    """Serve with gunicorn if a step uses it. Yield the port, and the environment for `flask`."""
    environ = {"BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": database_url}
    if not any(re.search(r"localhost|service\.log", step.block.text) for step in steps):
        yield PORT, environ
        return
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
        for line in expected.strip("\n").split("\n")
    )
    return re.fullmatch("".join(lines), actual.strip("\n") + "\n") is not None


def difference(shown: Block, printed: str) -> str:
    return f"{shown} shows\n{shown.text}\nbut this was printed:\n{printed}"


def write_output(shown: Block, printed: str) -> None:
    """Change the lines of a block that do not fit what was printed. What `...` leaves out stays."""
    lines = shown.page.read_text().split("\n")
    indent = lines[shown.line - 1].partition("`")[0]
    end = shown.line + len(shown.text.splitlines())
    lines[shown.line : end] = [(indent + line).rstrip() for line in updated(shown, printed)]
    shown.page.write_text("\n".join(lines))


def updated(shown: Block, printed: str) -> list[str]:
    """Return the lines of a block that fit what was printed. An empty block gets all of it."""
    printed = printed.replace("\r\n", "\n").strip("\n")
    if shown.language == "text":
        return merge(shown.text.splitlines(), printed.splitlines())
    if shown.language == "json":
        return updated_json(shown.text, printed)
    head, _, body = shown.text.partition("\n\n")
    new_head, _, new_body = printed.partition("\n\n")
    lines = updated_head(head.splitlines(), new_head.splitlines())
    has_body = new_body and (body or not head.strip())
    return [*lines, "", *updated_json(body, new_body)] if has_body else lines


def updated_head(shown: list[str], printed: list[str]) -> list[str]:
    """Return the new status line, and the headers that were shown, in their order."""
    names = [header_name(line) for line in shown]
    status, *headers = printed
    kept = [line for line in headers if header_name(line) in names]
    return merge(shown, [status, *sorted(kept, key=lambda line: names.index(header_name(line)))])


def header_name(line: str) -> str:
    return line.partition(":")[0].lower()


def updated_json(shown: str, printed: str) -> list[str]:
    value = json.loads(printed)
    lines = expand(updated_value(read_json(shown), value) if shown.strip() else value)
    return merge([line for line in shown.splitlines() if line != ELLIPSIS], lines.splitlines())


def updated_value(shown: Any, printed: Any) -> Any:
    """Return a printed value without what `...` leaves out, and with the texts that fit."""
    if isinstance(shown, dict) and isinstance(printed, dict):
        printed = printed | {ELLIPSIS: None} if ELLIPSIS in shown else printed
        names = shown if ELLIPSIS in shown or shown.keys() == printed.keys() else printed
        return {n: updated_value(shown.get(n), printed[n]) for n in names if n in printed}
    if isinstance(shown, list) and isinstance(printed, list):
        items = [item for item in shown if item != ELLIPSIS]
        new = [*map(updated_value, items, printed)]
        return [*new, *([ELLIPSIS] if ELLIPSIS in shown else printed[len(new) :])]
    if isinstance(shown, str) and isinstance(printed, str):
        return shown if fits(mask(shown), mask(printed)) else printed
    return printed


def merge(shown: list[str], printed: list[str]) -> list[str]:
    """Return the shown lines with the fewest changes that make them fit what was printed.

    An added line costs 1, a changed one 10, and a removed one 11.
    """
    best: dict[tuple[int, int], tuple[int, list[str]]] = {}
    for i, j in product(range(len(shown), -1, -1), range(len(printed), -1, -1)):
        old, new = shown[i : i + 1], printed[j : j + 1]
        steps = [(1, i, j + 1, new), (10, i + 1, j + 1, new), (11, i + 1, j, [])]
        if old == [ELLIPSIS]:
            steps = [(0, i, j + 1, []), (0, i + 1, j, old)]
        elif old and new and fits(mask(old[0]), mask(new[0])):
            steps = [(0, i + 1, j + 1, old), *steps]
        ways = [
            (cost + best[x, y][0], lines + best[x, y][1])
            for cost, x, y, lines in steps
            if (x, y) in best
        ]
        best[i, j] = min(ways, key=itemgetter(0), default=(0, []))
    return best[0, 0][1]


def expand(value: Any, indent: str = "") -> str:
    """Return JSON in one line if it fits and leaves nothing out."""
    line = json.dumps(value, ensure_ascii=False)
    is_short = len(indent) + len(line) <= EXPANDED_WIDTH and f'"{ELLIPSIS}"' not in line
    if is_short or not isinstance(value, dict | list):
        return ELLIPSIS if value == ELLIPSIS else line
    more = f"{indent}  "
    if isinstance(value, list):
        items = [expand(item, more) for item in value]
        begin, end = "[]"
    else:
        fields = {name: f"{json.dumps(name)}: {expand(value[name], more)}" for name in value}
        items = [*(fields | {ELLIPSIS: ELLIPSIS} if ELLIPSIS in value else fields).values()]
        begin, end = "{}"
    return f"{begin}\n{more}" + f",\n{more}".join(items) + f"\n{indent}{end}"
