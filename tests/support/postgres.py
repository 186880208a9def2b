"""PostgreSQL servers for tests."""

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import flask_migrate
import sqlalchemy as sa

from tests import SECRET
from tests.support.waiting import wait_until
from todo_api import create_app
from todo_api.commands.cli import support_migrations
from todo_api.config import Config
from todo_api.database import embedded

NewDatabase = Callable[..., str]
"""Make a database that lasts until the tests end, and return its URL."""

FAST = ("fsync=off", "full_page_writes=off", "max_connections=200")
OWN_DATABASES = 3  # postgres and the templates


@contextmanager
def reachable_folder() -> Iterator[Path]:
    """Make a temporary folder that every user can reach, because root's server runs as another."""
    with tempfile.TemporaryDirectory() as path:
        Path(path).chmod(0o755)
        yield Path(path)


def stop_unused(folder: Path) -> None:
    """Stop a server if all its users are gone: Ctrl-C kills workers that do not end at once.

    Remove it if they have left databases.
    """
    if not folder.exists():
        return
    home, programs = embedded.own_folder(folder), embedded.find_programs()
    embedded.release(programs, home, (home / "users.lock").open("w"))
    with embedded.exclusive(home / "start.lock"):
        databases = [*home.glob("data/base/[0-9]*")]
        if len(databases) > OWN_DATABASES and not embedded.is_running(programs, home):
            shutil.rmtree(home / "data")


class Cluster:
    """A PostgreSQL that tests can stop, restart and query directly."""

    def __init__(self, folder: Path) -> None:
        self.url = embedded.start(folder, "max_connections=60")
        self.home = embedded.own_folder(folder)
        self.programs = embedded.find_programs()
        app = support_migrations(create_app(Config(SECRET, self.url)))
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

    def wait_for_blocked(self, count: int) -> None:
        """Return when that many statements wait for a lock."""
        blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        wait_until(lambda: self.ask(blocked) == [count], f"not {count} statements wait for a lock")

    def terminate_backends(self) -> int:
        return len(
            self.ask(
                "SELECT pg_terminate_backend(pid, 120000) FROM pg_stat_activity"
                " WHERE application_name = 'todo_api'"
            )
        )

    def control(self, command: str, *options: str) -> None:
        embedded.run(self.programs / "pg_ctl", command, "-D", self.home / "data", "-w", *options)

    def stop(self, mode: str) -> None:
        self.control("stop", "-m", mode)

    def start(self) -> None:
        self.control("restart", "-l", str(self.home / "data/server.log"))  # with its old options


def lasting_cluster() -> Cluster:
    """Start a cluster that lasts until the tests end."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder)  # runs after its server has stopped
    return Cluster(folder)
