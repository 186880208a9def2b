"""Random writes over concurrent connections: every client ends up with the same tasks.

`MODEL_ROUNDS` sets how many rounds there are, and `MODEL_SEED` repeats the choices of a run.
"""

import os
import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random

import pytest
import sqlalchemy as sa
from flask import Flask

from tests import SECRET
from tests.support.client import Token
from tests.support.log import assert_no_bug
from tests.support.postgres import NewDatabase, reachable_folder
from tests.support.serving import Server
from tests.support.sync import CachedList, Person, Replica, assert_replicas_equal_the_truth
from tests.support.waiting import LIMIT
from tests.support.writer import Account, Writer
from todo_api import create_app
from todo_api.commands.cli import support_migrations
from todo_api.config import Config

ROUNDS = int(os.environ.get("MODEL_ROUNDS", "10"))
ROUNDS_OF_A_PART = 75
PARTS = -(-ROUNDS // ROUNDS_OF_A_PART)  # each may run beside the others
ROUNDS_OF_AN_ACCOUNT = 5
WRITERS = 4
WRITES = 12
CLIENTS = 3

# Some commits take longer, so that they come in another order than the statements before them.
SLOW_COMMITS = """
CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF random() < 0.2 THEN PERFORM pg_sleep(random() * 0.01); END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER pause AFTER INSERT OR UPDATE OR DELETE ON tasks
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pause();
"""


@pytest.fixture(scope="module")
def own_app(migrated_database: NewDatabase) -> Iterator[Flask]:
    """A service with a database of its own, because a purge is for all users."""
    url = migrated_database()
    app = support_migrations(create_app(Config(SECRET, url)))
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(SLOW_COMMITS)
    yield app
    app.extensions["engine"].dispose()


@pytest.fixture(scope="module")
def own_server(own_app: Flask) -> Iterator[Server]:
    url = own_app.extensions["settings"].database_url
    with reachable_folder() as folder:
        log = folder / "log"
        with Server(log, url, WEB_CONCURRENCY="2") as server:
            yield server


@pytest.fixture
def seed() -> int:
    chosen = int(os.environ.get("MODEL_SEED") or random.randrange(2**32))
    print(f"MODEL_SEED={chosen} MODEL_ROUNDS={ROUNDS}")  # noqa: T201 shown if the test fails
    return chosen


class Life:
    """An account, its writers and its clients, over several rounds."""

    def __init__(self, app: Flask, server: Server, token: str, chance: Random) -> None:
        self.app = app
        self.chance = chance
        self.account = Account()
        people = [Person(server, token) for _ in range(WRITERS + CLIENTS)]
        self.writers = [Writer(person, self.account, self.fork()) for person in people[:WRITERS]]
        self.replicas = [
            Replica(person, starts_from_list=number > 0)
            for number, person in enumerate(people[WRITERS:])
        ]
        self.lists = [
            CachedList(replica.person, status)
            for replica in self.replicas
            for status in ("all", "deleted")
        ]

    def round(self) -> None:
        """Let all write and poll at once. Then nothing is missing anywhere."""
        jobs: list[Callable[[], None]] = [partial(writer.run, WRITES) for writer in self.writers]
        # A client that sits out a round comes back with an older token.
        awake = [replica for replica in self.replicas if self.chance.random() < 0.7]
        jobs += [partial(self.follow, replica, self.fork()) for replica in awake]
        if self.chance.random() < 0.4:
            jobs.append(self.purge)
        with ThreadPoolExecutor(len(jobs)) as pool:
            for running in [pool.submit(job) for job in jobs]:
                running.result(LIMIT)
        assert_replicas_equal_the_truth(awake or self.replicas[:1], self.chance)
        self.account.assert_each_key_made_one_task(self.replicas[0].person)
        self.assert_cached_lists_are_current()

    def fork(self) -> Random:
        """Return a source of chance for one thread."""
        return Random(self.chance.random())

    def follow(self, replica: Replica, chance: Random) -> None:
        mine = [cached for cached in self.lists if cached.person is replica.person]
        for _ in range(WRITES):
            replica.poll(chance.randint(1, 7))
            chance.choice(mine).read()

    def purge(self) -> None:
        self.account.forgets_keys = True
        arguments = ["tasks", "purge", "--older-than", "0d"]
        result = self.app.test_cli_runner().invoke(args=arguments)
        assert result.exit_code == 0, result.output
        self.account.done["purge"] += 1

    def expire_tokens(self) -> None:
        """Erase tasks that were deleted after every client had asked: each must start over."""
        writer = self.writers[0]
        for erase in (writer.empty_trash, self.purge):
            task = writer.person.send("POST", "/api/tasks", {"title": "x"}).json["id"]
            assert writer.person.send("DELETE", f"/api/tasks/{task}").status == 204
            erase()

    def assert_cached_lists_are_current(self) -> None:
        for cached in self.lists:
            cached.read()
            assert cached.tasks == cached.person.list(cached.status)

    def close(self) -> None:
        for person in {replica.person for replica in self.replicas}:
            person.close()
        for writer in self.writers:
            writer.person.close()


@pytest.mark.timeout(300 + 10 * ROUNDS)
@pytest.mark.parametrize("_part", range(PARTS))
def test_no_client_misses_a_change(
    _part: int, own_app: Flask, own_server: Server, token: Token, seed: int
) -> None:
    chance = Random(seed)
    done: Counter[str] = Counter()
    lives: list[Life] = []
    for _ in range(-(-ROUNDS // (PARTS * ROUNDS_OF_AN_ACCOUNT))):
        life = Life(own_app, own_server, token(f"model-{uuid.uuid4().hex}"), chance)
        for _ in range(ROUNDS_OF_AN_ACCOUNT):
            life.round()
        life.expire_tokens()
        assert_replicas_equal_the_truth(life.replicas, chance)
        life.close()
        lives.append(life)
        done += life.account.done
        done["restart"] += sum(replica.restarts for replica in life.replicas)
        done["not modified"] += sum(cached.kept for cached in life.lists)
    for life in lives[-5:]:  # what others did since then changed nothing
        assert_replicas_equal_the_truth(life.replicas, chance)
        life.close()
    print(dict(done))  # noqa: T201 shown if the next line fails
    events = ["purge", "emptied", "restart", "not modified"]
    if ROUNDS >= ROUNDS_OF_A_PART:  # with fewer, it is chance
        events += ["replay", "stale", "restore"]
    assert [event for event in events if not done[event]] == []
    assert_no_bug(own_server.log)
