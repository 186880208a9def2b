"""`make run` keeps its tasks and its secret, and stops its database when it stops."""

from pathlib import Path

from tests import ROOT
from tests.docs.markdown import Block, Step, steps
from tests.docs.runner import copy_checkout, run, served_by
from tests.support.programs import needs

README = ROOT / "README.md"
LIST = """
TOKEN=$(.venv/bin/flask token demo)
curl -s http://localhost:8000/api/tasks -H "Authorization: Bearer $TOKEN"
"""


@needs("curl")
def test_make_run_keeps_its_tasks_and_stops_its_database(folder: Path) -> None:
    checkout = copy_checkout(folder)
    running = checkout / "instance/postgres/data/postmaster.pid"
    make_run, *first_task = steps(README)
    with served_by(make_run.block, checkout) as (port, environ):
        *_, created = run(first_task, checkout, port, environ)
        assert running.exists()
        assert (checkout / ".env").stat().st_mode & 0o777 == 0o600
    assert not running.exists()
    with served_by(make_run.block, checkout) as (port, environ):
        again = run([Step(Block(README, 0, "sh", LIST), None)], checkout, port, environ)
        assert again == [f"[{created}]"]
    assert not running.exists()
