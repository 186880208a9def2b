"""A PostgreSQL that may be broken, and gunicorn in front of it."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client import Token
from tests.support.log import assert_no_bug
from tests.support.postgres import Cluster, lasting_cluster
from tests.support.serving import Server, ask

CLIENTS = 16


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return lasting_cluster()


@pytest.fixture
def tokens(token: Token) -> list[str]:
    return [token(f"load-{uuid.uuid4().hex}") for _ in range(CLIENTS)]


@pytest.fixture
def served(cluster: Cluster, tmp_path: Path) -> Iterator[Server]:
    """gunicorn with two workers, connected to the cluster."""
    with Server(tmp_path / "log", cluster.url, WEB_CONCURRENCY="2") as server:
        connection = server.connect()
        ask(connection, "GET", "/health", "")  # waits until a worker has started
        connection.close()
        yield server
    assert_no_bug(server.log)


@pytest.fixture
def slow(cluster: Cluster) -> Iterator[bytes]:
    """The body of a task whose INSERT takes 30 seconds."""
    cluster.ask(
        "CREATE FUNCTION sleep_30() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN PERFORM pg_sleep(30); RETURN NEW; END'"
    )
    cluster.ask(
        "CREATE TRIGGER sleep_30 BEFORE INSERT ON tasks FOR EACH ROW WHEN (NEW.title = 'slow')"
        " EXECUTE FUNCTION sleep_30()"
    )
    yield b'{"title": "slow"}'
    cluster.ask("DROP FUNCTION sleep_30 CASCADE")
