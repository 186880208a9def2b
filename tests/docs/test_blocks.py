"""Each page's blocks run in order on a copy of the checkout, and print what the page shows.

`UPDATE_DOCS=1 .venv/bin/pytest tests/docs/test_blocks.py` writes what they print into the pages.
"""

import json
import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values

from tests import ROOT
from tests.docs import markdown
from tests.docs.markdown import PAGES, Block, Step, first_code, name_of, not_run, rows
from tests.docs.runner import (
    as_documented,
    copy_checkout,
    difference,
    run,
    served_by,
    service,
    shows,
    write_output,
)
from tests.support.client import Token
from tests.support.postgres import NewDatabase
from tests.support.programs import needs
from tests.support.serving import Endpoint, ask

METHODS = {"get", "post", "put", "patch", "delete"}
DOCUMENT = json.loads((ROOT / "openapi.json").read_text())
OPERATIONS = {
    (method, path) for path, item in DOCUMENT["paths"].items() for method in item.keys() & METHODS
}
OPERATIONS_PAGE = ROOT / "docs/operations.md"
README = ROOT / "README.md"
API_PAGE = ROOT / "docs/api.md"
BESIDE_MAKE_RUN = (API_PAGE, ROOT / "docs/auth.md")
"""The pages for a terminal beside `make run`, where only .env has the secret."""
LOG_FIELDS = set(first_code(rows(OPERATIONS_PAGE, "log field")))
UPDATE = "UPDATE_DOCS" in os.environ
INSTALLED = (Path(sys.prefix) / "installed").exists()
pytestmark = [
    needs("curl", "jq", "openssl"),
    pytest.mark.skipif(not INSTALLED, reason="run it with `make test`"),
]


def run_page(page: Path, checkout: Path, migrated_database: NewDatabase) -> list[tuple[Step, str]]:
    """Run a page. Return its steps, and what each printed."""
    steps = markdown.steps(page)
    serving = [step for step in steps if step.block.mark == "serves"]
    others = [step for step in steps if step not in serving]
    with ExitStack() as stack:
        if serving:
            served = served_by(serving[0].block, checkout)
        else:
            url = migrated_database().replace("+psycopg2", "")  # for psql
            served = service(steps, checkout, url)
        port, environ = stack.enter_context(served)
        if page in BESIDE_MAKE_RUN:
            secret = environ.pop("BETTER_AUTH_SECRET")
            (checkout / ".env").write_text(f"BETTER_AUTH_SECRET={secret}\n")
        printed = run(others, checkout, port, environ)
    ran = [*zip(others, printed, strict=True)]
    for step in serving:
        log = (checkout / "service.log").read_text()
        ran.append((step, as_documented(log, checkout, port)))
    return ran


@pytest.mark.long
@pytest.mark.parametrize("page", [page for page in PAGES if page != README], ids=name_of)
def test_blocks_print_what_the_page_shows(
    page: Path, folder: Path, migrated_database: NewDatabase
) -> None:
    if not markdown.steps(page):
        return
    checkout = copy_checkout(folder)
    compare(run_page(page, checkout, migrated_database))
    lines = documented_lines(checkout)
    if page == API_PAGE:
        assert_every_operation_is_requested(lines)


@pytest.mark.long
def test_readme_serves_and_its_service_keeps_its_tasks_and_stops_its_database(
    folder: Path, migrated_database: NewDatabase, token: Token
) -> None:
    checkout = copy_checkout(folder)
    running = checkout / "instance/postgres/data/postmaster.pid"
    *printed, (make_run, _) = run_page(README, checkout, migrated_database)
    compare([*printed, (make_run, _)])
    documented_lines(checkout)
    assert (checkout / ".env").stat().st_mode & 0o777 == 0o600
    assert not running.exists()
    signed = token("demo", key=dotenv_values(checkout / ".env")["BETTER_AUTH_SECRET"])
    with served_by(make_run.block, checkout) as (port, _):
        assert running.exists()
        connection = Endpoint(port).connect()
        _, tasks = ask(connection, "GET", "/api/tasks", signed)
        connection.close()
    assert not running.exists()
    _, created = printed[-1]
    assert tasks == [json.loads(created)]


def compare(ran: list[tuple[Step, str]]) -> None:
    """Compare what each step printed with what its page shows, or write it there."""
    shown = [(step.shown, printed) for step, printed in ran if step.shown is not None]
    wrong = [(block, printed) for block, printed in shown if not shows(block, printed)]
    if UPDATE:
        for block, printed in sorted(wrong, key=lambda item: -item[0].line):
            write_output(block, printed)
    else:
        assert not wrong, "\n".join(difference(*item) for item in wrong)


def documented_lines(checkout: Path) -> list[dict[str, Any]]:
    """Return the lines of the log. The page about operations must list their fields."""
    log = checkout / "service.log"
    lines = log.read_text().splitlines() if log.exists() else []
    found = [json.loads(line) for line in lines if line.startswith("{")]
    unknown = {name for line in found for name in line} - LOG_FIELDS
    assert not unknown, f"not in the table of {OPERATIONS_PAGE.name}: {unknown}"
    return found


def assert_every_operation_is_requested(lines: list[dict[str, Any]]) -> None:
    requests = [line for line in lines if line["event"] == "request"]
    succeeded = {
        (line["method"].lower(), re.sub(r"<\w+:(\w+)>", r"{\1}", line["route"]))
        for line in requests
        if line["status"] < 300
    }
    assert OPERATIONS - succeeded == set()
    assert {line["status"] for line in requests if line["status"] >= 400} >= {400, 410, 412, 422}


@pytest.mark.parametrize("block", not_run("sh"), ids=str)
def test_block_that_does_not_run_is_valid_shell(block: Block) -> None:
    ran = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert block.value
