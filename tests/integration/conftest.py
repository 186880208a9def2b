"""Clients, an empty database, and a service with a database of its own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests import ROOT, SECRET
from tests.support.api import create
from tests.support.client import Client, MakeApp, MakeClient, Token
from tests.support.postgres import NewDatabase
from todo_api import create_app
from todo_api.commands.cli import support_migrations
from todo_api.config import Config


@pytest.fixture(scope="module")
def own_database(migrated_database: NewDatabase) -> str:
    return migrated_database()


@pytest.fixture
def own_app(own_database: str, make_app: MakeApp) -> Flask:
    return make_app(database_url=own_database, database_url_unpooled=None)


@pytest.fixture
def client_in(own_app: Flask, token: Token) -> MakeClient:
    def make(user: str) -> Client:
        return Client(own_app, token(user))

    return make


@pytest.fixture
def varied(client: Client) -> Client:
    """A client whose user has four different tasks."""
    create(client, title="a", priority="low", due_date="2026-01-01", tags=["home"])
    create(client, title="b", priority="high", due_date="2026-01-02", tags=["work", "home"])
    create(client, title="c", priority="high", tags=["work"], completed=True)
    create(client, title="d", due_date="2026-01-03")
    return client


@pytest.fixture
def empty(new_database: NewDatabase) -> Iterator[Flask]:
    """The service with an empty database."""
    yield from service(new_database())


@pytest.fixture
def migrated(migrated_database: NewDatabase) -> Iterator[Flask]:
    """The service with a migrated database of its own."""
    yield from service(migrated_database())


@pytest.fixture
def shared(own_database: str) -> Iterator[Flask]:
    """The service with a migrated database that the tests of a module share."""
    yield from service(own_database)


def service(url: str) -> Iterator[Flask]:
    app = support_migrations(create_app(Config(SECRET, url)))
    with app.app_context():
        yield app
    app.extensions["engine"].dispose()


@pytest.fixture
def hasty(folder: Path) -> str:
    """The migrations, which wait for a lock for half a second only."""
    hasty = folder / "hasty"
    shutil.copytree(ROOT / "migrations", hasty, ignore=shutil.ignore_patterns("__pycache__"))
    text = (hasty / "env.py").read_text()
    assert text.count('LOCK_TIMEOUT = "5s"') == 1
    (hasty / "env.py").write_text(text.replace('LOCK_TIMEOUT = "5s"', 'LOCK_TIMEOUT = "500ms"'))
    return str(hasty)
