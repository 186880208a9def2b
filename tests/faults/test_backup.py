"""Sync tokens from before a `pg_dump` are safe to use after a `pg_restore`."""

import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from tests.support.client import Token
from tests.support.postgres import Cluster
from tests.support.serving import Server
from tests.support.sync import Person, Replica, assert_replicas_equal_the_truth
from todo_api import embedded

Restore = Callable[[Path], str]


@pytest.fixture
def dump(cluster: Cluster) -> Callable[[], Path]:
    """Back up the cluster's database, and return the file."""

    def run() -> Path:
        file = cluster.home / f"{uuid.uuid4().hex}.dump"
        arguments = ["--format=custom", f"--dbname={cluster.url}"]
        with file.open("wb") as output:
            options = embedded.as_server_user() | {"stdout": output, "stderr": subprocess.PIPE}
            done = subprocess.run([cluster.programs / "pg_dump", *arguments], **options)
        assert done.returncode == 0, done.stderr
        return file

    return run


@contextmanager
def restored(cluster: Cluster, file: Path) -> Iterator[str]:
    """Restore a backup into a new database. Yield its URL."""
    name = f"restored_{uuid.uuid4().hex}"
    cluster.ask(f"CREATE DATABASE {name} TEMPLATE template0")
    url = cluster.url.replace("/postgres?", f"/{name}?")
    try:
        into = f"--dbname={url}"
        embedded.run(cluster.programs / "pg_restore", "--exit-on-error", into, file)
        yield url
    finally:
        cluster.ask(f"DROP DATABASE {name} WITH (FORCE)")


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
    cluster: Cluster, person: Person, dump: Callable[[], Path], tmp_path: Path
) -> None:
    chance = Random(13)
    replicas = replicas_of_all_ages(person, chance)
    change_everything(person, chance)
    with (
        restored(cluster, dump()) as url,
        Server(tmp_path / "restored", url) as server,
    ):
        followers = [moved(replica, server) for replica in replicas]
        assert_replicas_equal_the_truth(followers[:4], chance)
        change_everything(followers[0].person, chance)
        assert_replicas_equal_the_truth(followers, chance)


def test_token_ahead_of_a_restored_database_has_expired(
    cluster: Cluster, person: Person, dump: Callable[[], Path], tmp_path: Path
) -> None:
    chance = Random(13)
    change_everything(person, chance)
    file = dump()
    ahead = replicas_of_all_ages(person, chance)[::2]
    with restored(cluster, file) as url, Server(tmp_path / "restored", url) as server:
        followers = [moved(replica, server) for replica in ahead]
        assert_replicas_equal_the_truth(followers, chance)
        assert [follower.restarts for follower in followers] == [1] * len(followers)


def test_token_that_a_restored_database_has_overtaken_has_expired(
    cluster: Cluster, person: Person, dump: Callable[[], Path], tmp_path: Path
) -> None:
    chance = Random(13)
    change_everything(person, chance)
    file = dump()
    ahead = replicas_of_all_ages(person, chance)[::2]
    with restored(cluster, file) as url, Server(tmp_path / "restored", url) as server:
        followers = [moved(replica, server) for replica in ahead]
        for _ in range(2 * len(ahead)):
            change_everything(followers[0].person, chance)
        assert_replicas_equal_the_truth(followers, chance)
        assert [follower.restarts for follower in followers] == [1] * len(followers)


def test_token_of_an_account_that_is_not_in_the_dump_has_expired(
    cluster: Cluster, person: Person, dump: Callable[[], Path], tmp_path: Path
) -> None:
    chance = Random(13)
    file = dump()
    change_everything(person, chance)
    replica = Replica(person)
    replica.catch_up(chance)
    with restored(cluster, file) as url, Server(tmp_path / "restored", url) as server:
        follower = moved(replica, server)
        follower.catch_up(chance)
        assert (follower.tasks, follower.restarts) == ({}, 1)
