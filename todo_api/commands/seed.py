"""`flask seed`: create tasks that look real, for development."""

import os
import re
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import click
from flask.cli import with_appcontext
from werkzeug.exceptions import HTTPException

from todo_api.commands.token import check_user
from todo_api.config_rules import EMBEDDED, parse_url
from todo_api.context import request_state, settings
from todo_api.limits import PRIORITIES
from todo_api.tasks import queries
from todo_api.tasks.item import check_quota, fetch
from todo_api.tasks.schemas import NewTask

TITLES = {
    "home": ("Water the plants", "Fix the kitchen tap", "Clean the windows", "Change the bulb"),
    "errand": ("Buy milk", "Return the library books", "Pick up the parcel", "Get a new key cut"),
    "work": ("Send the invoice", "Prepare the demo", "Review the contract", "Plan the next sprint"),
    "travel": ("Renew the passport", "Compare trains to Vienna", "Reserve a table by the lake"),
}
NOTES = (None, None, "Ask Kim first.", "Needed:\n- tape\n- a ladder")
LOCAL_HOST = re.compile(r"/(?!cloudsql/).*|localhost|127\.0\.0\.1|::1")
NOT_LOCAL = "DATABASE_URL names no host of this machine. To seed it all the same, add --anywhere."


@click.command()
@click.argument("user")
@click.option("--count", default=200, type=click.IntRange(1), show_default=True)
@click.option("--anywhere", is_flag=True, help="Allow a database that is not on this machine.")
@with_appcontext
def seed(user: str, count: int, anywhere: bool) -> None:
    """Create tasks of USER that look real, for development."""
    check_user(user)
    if not (anywhere or is_local(settings().database_url)):
        raise click.ClickException(NOT_LOCAL)
    request_state().user = user
    chance = Random(user)  # noqa: S311 -- each run makes the same tasks
    try:
        for _ in range(count):
            create(invent(chance), in_trash=chance.random() < 0.05)
    except HTTPException as error:  # no room for more, or no database
        raise click.ClickException(str(error.description)) from None
    click.echo(f"created {count} tasks of {user}")


def is_local(url: str) -> bool:
    parameters = {} if url == EMBEDDED else parse_url(url)
    hosts = parameters.get("hostaddr") or os.environ.get("PGHOSTADDR") or parameters.get("host", "")
    return url == EMBEDDED or all(map(LOCAL_HOST.fullmatch, hosts.split(",")))


def invent(chance: Random) -> dict[str, Any]:
    """Return the body of a new task."""
    tag = chance.choice(list(TITLES))
    due = datetime.now(UTC).date() + timedelta(days=chance.randint(-14, 30))
    return {
        "title": chance.choice(TITLES[tag]),
        "description": chance.choice(NOTES),
        "completed": chance.random() < 0.3,
        "priority": chance.choice((*PRIORITIES, "medium")),
        "due_date": due.isoformat() if chance.random() < 0.6 else None,
        "tags": [tag, "waiting"] if chance.random() < 0.2 else [tag],
    }


def create(body: dict[str, Any], *, in_trash: bool) -> None:
    """Create a task as the API does."""
    values = queries.new_task_values(NewTask().load(body))
    while (row := fetch(queries.CREATE, **values, max_tasks=settings().max_tasks_per_user)) is None:
        check_quota()
    if in_trash:
        fetch(queries.DELETE, task_id=row.id, versions=None)
