"""A PostgreSQL that may be broken, gunicorn in front of it, and clients that never let go."""

import atexit
import shutil
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
import sqlalchemy as sa

from config import Config
from tests import SECRET
from tests.conftest import Token
from tests.serving import Server, ask
from todo_api import create_app, embedded

CLIENTS = 16
REQUESTS = [
    ("POST", "/api/tasks", b'{"title": "x", "tags": ["load"]}'),
    ("GET", "/api/tasks?limit=5", None),
    ("PATCH", "/api/tasks", b'{"ids": [1, 2], "changes": {"priority": "high"}}'),
    ("GET", "/api/tasks?limit=5&q=x&tag=load&sort=-due_date", None),
    ("DELETE", "/api/tasks?status=completed", None),
    ("GET", "/api/tasks/stats", None),
]


class Cluster:
    """A PostgreSQL to be stopped, restarted and asked behind the service's back."""

    def __init__(self, folder: Path) -> None:
        self.url = embedded.start(folder, "max_connections=60")
        self.home = embedded.own_folder(folder)
        self.programs = embedded.find_programs()
        app = create_app(Config(SECRET, self.url))
        with app.app_context():
            flask_migrate.upgrade()
        app.extensions["engine"].dispose()
        self.engine = sa.create_engine(
            self.url.replace("postgresql:", "postgresql+psycopg2:"),
            isolation_level="AUTOCOMMIT",
            poolclass=sa.NullPool,
        )

    def ask(self, statement: str, **values: Any) -> Any:
        with self.engine.connect() as connection:
            result = connection.execute(sa.text(statement), values)
            return result.scalars().all() if result.returns_rows else None

    def terminate_backends(self) -> int:
        return len(
            self.ask(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE application_name = 'todo_api'"
            )
        )

    def control(self, command: str, *options: str) -> None:
        embedded.run(self.programs / "pg_ctl", command, "-D", self.home / "data", "-w", *options)

    def stop(self, mode: str) -> None:
        self.control("stop", "-m", mode)

    def start(self) -> None:
        self.control("restart", "-l", str(self.home / "data/server.log"))  # with its old options


@dataclass
class Answer:
    """One request of one client: when it was sent, how long it took, its status (0: none came)."""

    sent: float
    seconds: float
    status: int
    method: str


@dataclass
class Load:
    """Clients that read and write as fast as they are answered while a `with` lasts."""

    server: Server
    tokens: list[str]
    answers: list[Answer] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    ending: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Load":
        self.threads = [threading.Thread(target=self.run, args=(token,)) for token in self.tokens]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "a request hangs"

    def run(self, token: str) -> None:
        connection = self.server.connect()
        for turn in range(1_000_000):
            if self.ending.is_set():
                break
            method, path, body = REQUESTS[turn % len(REQUESTS)]
            sent = time.monotonic()
            try:
                response, content = ask(connection, method, path, token, body)
                status = response.status
            except (OSError, HTTPException):
                connection.close()
                status = 0
            self.answers.append(Answer(sent, time.monotonic() - sent, status, method))
            if status == 201:
                self.acknowledged.append(content["id"])
            time.sleep(0.01)
        connection.close()

    def statuses(self) -> Counter[int]:
        return Counter(answer.status for answer in self.answers)

    def last_refused(self) -> float:
        """When the last answer came that was no 2xx."""
        return max(
            (answer.sent + answer.seconds for answer in self.answers if answer.status >= 300),
            default=0,
        )


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder)  # runs after the server in it was stopped
    return Cluster(folder)


@pytest.fixture
def tokens(token: Token) -> list[str]:
    return [token(f"load-{uuid.uuid4().hex}") for _ in range(CLIENTS)]


@pytest.fixture
def served(cluster: Cluster, tmp_path: Path) -> Iterator[Server]:
    """gunicorn with two workers on the cluster."""
    with Server(tmp_path / "log", cluster.url, WEB_CONCURRENCY="2") as server:
        yield server
    # Not parsed: where a connection ends while it is opened, libpq itself writes a line to stderr.
    assert '"status": 500' not in server.log.read_text()


@pytest.fixture
def slow(cluster: Cluster) -> Iterator[bytes]:
    """The body of a task that takes PostgreSQL half a minute to insert."""
    cluster.ask(
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN PERFORM pg_sleep(30); RETURN NEW; END'"
    )
    cluster.ask(
        "CREATE TRIGGER dawdle BEFORE INSERT ON tasks FOR EACH ROW WHEN (NEW.title = 'slow')"
        " EXECUTE FUNCTION dawdle()"
    )
    yield b'{"title": "slow"}'
    cluster.ask("DROP FUNCTION dawdle CASCADE")


def assert_kept(cluster: Cluster, load: Load) -> None:
    """No write that was acknowledged is missing."""
    assert load.acknowledged
    kept = set(cluster.ask("SELECT id FROM tasks WHERE id = ANY(:ids)", ids=load.acknowledged))
    assert set(load.acknowledged) == kept


def assert_silence_is_given_up(
    cluster: Cluster,
    server: Server,
    tokens: list[str],
    fall_silent: Callable[[], None],
    speak_again: Callable[[], None],
) -> None:
    """A database out of reach for 25 s is a 503 within 20 s, and is over within 2 s."""
    with Load(server, tokens) as load:
        time.sleep(1)
        fall_silent()
        silent = time.monotonic()
        time.sleep(25)
        connection = server.connect()
        started = time.monotonic()
        assert ask(connection, "GET", "/health", "")[0].status == 200
        assert time.monotonic() - started < 1
        connection.close()
        speak_again()
        back = time.monotonic()
        time.sleep(6)
    meanwhile = [answer for answer in load.answers if silent < answer.sent < back - 20]
    assert {answer.status for answer in meanwhile} == {503}
    assert max(answer.seconds for answer in load.answers) < 20
    assert set(load.statuses()) == {200, 201, 503}
    assert load.last_refused() < back + 2
    assert_kept(cluster, load)
