"""Each page's blocks run in order on a copy of the checkout, and print what the page shows.

`UPDATE_DOCS=1 .venv/bin/pytest tests/docs/test_blocks.py` writes what they print into the pages.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import flask_migrate
import pytest
import sqlalchemy as sa

from tests import ROOT, SECRET
from tests.docs import markdown
from tests.docs.markdown import PAGES, Block, Step, blocks, first_code, name_of, not_run, rows
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
from tests.support.postgres import NewDatabase
from tests.support.programs import needs
from todo_api import create_app
from todo_api.cli import support_migrations
from todo_api.config import Config

METHODS = {"get", "post", "put", "patch", "delete"}
DOCUMENT = json.loads((ROOT / "openapi.json").read_text())
OPERATIONS = {
    (method, path) for path, item in DOCUMENT["paths"].items() for method in item.keys() & METHODS
}
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
OPERATIONS_PAGE = ROOT / "docs/operations.md"
BESIDE_MAKE_RUN = (ROOT / "docs/api.md", ROOT / "docs/auth.md")
"""The pages for a terminal beside `make run`, where only .env has the secret."""
LOG_FIELDS = set(first_code(rows(OPERATIONS_PAGE, "log field")))
UPDATE = "UPDATE_DOCS" in os.environ
INSTALLED = (Path(sys.prefix) / "installed").exists()
pytestmark = [
    needs("curl", "jq", "openssl", "patch"),
    pytest.mark.skipif(not INSTALLED, reason="run it with `make test`"),
]


@contextmanager
def migrated(new_database: NewDatabase) -> Iterator[str]:
    """A migrated database, as the URL that psql takes too."""
    with new_database() as url:
        app = support_migrations(create_app(Config(SECRET, url)))
        with app.app_context():
            flask_migrate.upgrade()
        app.extensions["engine"].dispose()
        yield sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def run_page(page: Path, checkout: Path, new_database: NewDatabase) -> list[tuple[Step, str]]:
    """Run a page. Return its steps, and what each printed."""
    steps = markdown.steps(page)
    serving = [step for step in steps if step.block.mark == "serves"]
    others = [step for step in steps if step not in serving]
    if not steps:
        return []
    with ExitStack() as stack:
        if serving:
            served = served_by(serving[0].block, checkout)
        else:
            served = service(checkout, stack.enter_context(migrated(new_database)))
        port, environ = stack.enter_context(served)
        if page in BESIDE_MAKE_RUN:
            secret = environ.pop("BETTER_AUTH_SECRET")
            (checkout / ".env").write_text(f"BETTER_AUTH_SECRET={secret}\n")
        printed = run(others, checkout, port, environ)
    log = as_documented((checkout / "service.log").read_text(), checkout, port)
    return [*zip(others, printed, strict=True), *((step, log) for step in serving)]


@pytest.fixture
def checkout(folder: Path) -> Path:
    return copy_checkout(folder)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_blocks_print_what_the_page_shows(
    page: Path, checkout: Path, new_database: NewDatabase
) -> None:
    wrong: list[tuple[Block, str]] = []
    for step, printed in run_page(page, checkout, new_database):
        if step.shown is not None and not shows(step.shown, printed):
            wrong.append((step.shown, printed))
    unknown = logged_fields(checkout / "service.log") - LOG_FIELDS
    assert not unknown, f"not in the table of {OPERATIONS_PAGE.name}: {unknown}"
    if UPDATE:
        for shown, printed in sorted(wrong, key=lambda item: -item[0].line):
            write_output(shown, printed)
    else:
        assert not wrong, "\n".join(difference(*item) for item in wrong)


def logged_fields(log: Path) -> set[str]:
    lines = log.read_text().splitlines() if log.exists() else []
    return {name for line in lines if line.startswith("{") for name in json.loads(line)}


def test_diffs_of_contributing_fit_the_code() -> None:
    """Of all files at once. A name with * is a migration that the page generates."""
    page = "".join(each.text for each in blocks(CONTRIBUTING) if each.language == "diff")
    diffs = re.findall(r"^--- a/([^*\n]+)\n((?:(?!--- a/).*\n)+)", page, re.MULTILINE)
    assert diffs
    wrong = [name for name, diff in diffs if not applies(name, diff)]
    assert not wrong, f"in CONTRIBUTING.md, write the context lines again of {wrong}"


def applies(name: str, diff: str) -> bool:
    command = ["patch", "--dry-run", "--fuzz=0", "--force", name]
    return subprocess.run(command, cwd=ROOT, input=diff, text=True).returncode == 0


def test_api_page_requests_every_operation(checkout: Path, new_database: NewDatabase) -> None:
    run_page(ROOT / "docs/api.md", checkout, new_database)
    lines = map(json.loads, (checkout / "service.log").read_text().splitlines())
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
