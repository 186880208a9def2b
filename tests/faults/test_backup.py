"""Sync tokens from before a `pg_dump` are safe to use after a `pg_restore`.

No role here is a superuser: Neon does not give one.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa

from tests import ROOT, SECRET
from tests.docs.markdown import commands_for
from tests.docs.runner import run_commands
from tests.support.client import Token
from tests.support.log import assert_no_bug
from tests.support.postgres import Cluster
from tests.support.serving import Server
from tests.support.sync import Person, Replica, assert_replicas_equal_the_truth

Restored = Callable[[], AbstractContextManager[Server]]

BACK_UP, RESTORE = commands_for("test_backup.py")
CREATE_ROLES = (
    'psql -X -q "$ADMIN_URL" --set=ON_ERROR_STOP=1 --set=owner_password=x --set=service_password=x'
    f" --file={ROOT}/deploy/roles.sql"
)


@pytest.fixture(scope="module")
def environ(cluster: Cluster) -> dict[str, str]:
    """What the commands of docs/operations.md need, for a database with the roles of deploy/."""

    def url(role: str, database: str) -> str:
        changed = sa.make_url(cluster.url).set(username=role, database=database)
        return changed.render_as_string(hide_password=False)

    cluster.ask("CREATE ROLE todo_admin LOGIN CREATEDB CREATEROLE")
    cluster.ask("CREATE DATABASE todo TEMPLATE template0 OWNER todo_admin")
    found = {
        "PATH": f"{cluster.programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "BETTER_AUTH_SECRET": SECRET,
        "ADMIN_URL": url("todo_admin", "todo"),
        "DATABASE_URL": url("todo_service", "todo"),
        "DATABASE_URL_UNPOOLED": url("todo_owner", "todo"),
        "RESTORED_ADMIN_URL": url("todo_admin", "restored"),
        "RESTORED_OWNER_URL": url("todo_owner", "restored"),
        "RESTORED_URL": url("todo_service", "restored"),
    }
    run_commands(CREATE_ROLES, ROOT, found)
    run_commands("flask db upgrade", ROOT, found)
    return found


@pytest.fixture
def served(environ: dict[str, str], tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "log", environ["DATABASE_URL"]) as server:
        yield server
    assert_no_bug(server.log)


@pytest.fixture
def back_up(environ: dict[str, str], tmp_path: Path) -> Callable[[], object]:
    return lambda: run_commands(BACK_UP, tmp_path, environ)


@pytest.fixture
def restored(cluster: Cluster, environ: dict[str, str], tmp_path: Path) -> Restored:
    """Restore the backup into a new database, and serve it."""

    @contextmanager
    def restore() -> Iterator[Server]:
        try:
            run_commands(RESTORE, tmp_path, environ)
            with Server(tmp_path / "restored", environ["RESTORED_URL"]) as server:
                yield server
        finally:
            cluster.ask("DROP DATABASE IF EXISTS restored WITH (FORCE)")

    return restore


def change_everything(person: Person, chance: Random) -> None:
    """Create, change, toggle, delete and restore, so that versions grow by about ten."""
    ids = [create(person) for _ in range(4)]
    assert person.send("PATCH", f"/api/tasks/{ids[0]}", {"title": "changed"}).status == 200
    assert person.send("PATCH", f"/api/tasks/{ids[1]}/complete").status == 200
    older = [id_ for id_ in person.list("all") if id_ not in ids]
    for id_ in chance.sample(older, min(2, len(older))) + ids[2:]:
        assert person.send("DELETE", f"/api/tasks/{id_}").status == 204
    assert person.send("POST", f"/api/tasks/{ids[3]}/restore").status == 200


def create(person: Person) -> int:
    reply = person.send("POST", "/api/tasks", {"title": "Buy milk"})
    assert reply.status == 201
    id_: int = reply.json["id"]
    return id_


def moved(replica: Replica, server: Server) -> Replica:
    """Return the replica with its token and its tasks, as a client of another server."""
    person = Person(server, replica.person.token)
    # A restored database gives numbers away again, so versions may go back once.
    return Replica(person, token=replica.token, tasks=dict(replica.tasks))


def replicas_of_all_ages(person: Person, chance: Random) -> list[Replica]:
    """Return replicas that stopped at different times; some in the middle of a full read."""
    replicas = []
    for _ in range(4):
        change_everything(person, chance)
        complete, partial = Replica(person), Replica(person)
        complete.catch_up(chance)
        partial.poll(2)
        replicas += [complete, partial]
    return replicas


@pytest.fixture
def person(served: Server, token: Token, user: str) -> Iterator[Person]:
    person = Person(served, token(user))
    yield person
    person.close()


def test_tokens_from_before_a_dump_miss_nothing_after_its_restore(
    person: Person, back_up: Callable[[], object], restored: Restored
) -> None:
    chance = Random(13)
    replicas = replicas_of_all_ages(person, chance)
    change_everything(person, chance)
    back_up()
    with restored() as server:
        followers = [moved(replica, server) for replica in replicas]
        assert_replicas_equal_the_truth(followers[:4], chance)
        change_everything(followers[0].person, chance)
        assert_replicas_equal_the_truth(followers, chance)


def test_token_ahead_of_a_restored_database_has_expired(
    person: Person, back_up: Callable[[], object], restored: Restored
) -> None:
    chance = Random(13)
    change_everything(person, chance)
    back_up()
    ahead = replicas_of_all_ages(person, chance)[::2]
    with restored() as server:
        followers = [moved(replica, server) for replica in ahead]
        assert_replicas_equal_the_truth(followers, chance)
        assert [follower.restarts for follower in followers] == [1] * len(followers)


def test_token_that_a_restored_database_has_overtaken_has_expired(
    person: Person, back_up: Callable[[], object], restored: Restored
) -> None:
    chance = Random(13)
    change_everything(person, chance)
    back_up()
    ahead = replicas_of_all_ages(person, chance)[::2]
    with restored() as server:
        followers = [moved(replica, server) for replica in ahead]
        for _ in range(2 * len(ahead)):
            change_everything(followers[0].person, chance)
        assert_replicas_equal_the_truth(followers, chance)
        assert [follower.restarts for follower in followers] == [1] * len(followers)


def test_token_of_an_account_that_is_not_in_the_dump_has_expired(
    person: Person, back_up: Callable[[], object], restored: Restored
) -> None:
    chance = Random(13)
    back_up()
    change_everything(person, chance)
    replica = Replica(person)
    replica.catch_up(chance)
    with restored() as server:
        follower = moved(replica, server)
        follower.catch_up(chance)
        assert (follower.tasks, follower.restarts) == ({}, 1)


def test_restored_database_needs_nothing_else(
    environ: dict[str, str], back_up: Callable[[], object], restored: Restored
) -> None:
    urls = {"DATABASE_URL": environ["RESTORED_URL"]}
    urls |= {"DATABASE_URL_UNPOOLED": environ["RESTORED_OWNER_URL"]}
    back_up()
    with restored():
        run_commands("flask db upgrade", ROOT, environ | urls)
        found = run_commands("flask doctor", ROOT, environ | urls).splitlines()
    assert len(found) > 5
    assert [line for line in found if not line.startswith("ok ")] == []
