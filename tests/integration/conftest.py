"""A service with a database of its own, for commands that work on the rows of all users."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.support.client import Client, MakeApp, MakeClient, Token
from tests.support.postgres import NewDatabase


@pytest.fixture(scope="module")
def own_database(new_database: NewDatabase) -> Iterator[str]:
    with new_database() as url:
        yield url


@pytest.fixture
def own_app(own_database: str, make_app: MakeApp) -> Flask:
    app = make_app(database_url=own_database, database_url_unpooled=None)
    result = app.test_cli_runner().invoke(args=["db", "upgrade"])
    assert result.exit_code == 0, result.output
    return app


@pytest.fixture
def client_in(own_app: Flask, token: Token) -> MakeClient:
    def make(user: str) -> Client:
        return Client(own_app, token(user))

    return make
