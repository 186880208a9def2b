"""One PostgreSQL for each run, one database for each worker, one user for each test."""

import logging
import os
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import time
from typing import Any

import flask_migrate
import jwt
import pytest
import sqlalchemy as sa
from flask import Flask, Response, g, has_request_context, request

from tests import ROOT, SECRET
from tests.pytest_hooks import (  # noqa: F401 -- pytest finds its hooks here
    pytest_addoption,
    pytest_collection_finish,
    pytest_collection_modifyitems,
    pytest_runtest_makereport,
    pytest_terminal_summary,
    pytest_xdist_auto_num_workers,
)
from tests.support.client import Client, MakeApp, MakeClient, Token
from tests.support.log import Lines
from tests.support.owner import FILTER_ADVICE, unfiltered
from tests.support.pooler import Pooler
from tests.support.postgres import FAST, NewDatabase, reachable_folder, stop_unused
from tests.support.processes import pytest_configure  # noqa: F401 -- a hook too
from todo_api import create_app, logs
from todo_api.commands.cli import support_migrations
from todo_api.config import Config
from todo_api.database import embedded
from todo_api.logs import JsonFormatter, add_request_id
from todo_api.tasks.sync import GET_DATABASE

POSTGRES = ROOT / "instance/test-postgres"

logs.set_up("INFO")  # a failed test prints the log as the service writes it


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        stop_unused(POSTGRES)


@pytest.fixture(scope="session")
def server() -> str:
    """The URL of the test server. The database in this URL is not changed."""
    own = os.environ.get("TEST_DATABASE_URL")
    url = own or embedded.start(POSTGRES, *FAST)
    return sa.make_url(url).set(drivername="postgresql+psycopg2").render_as_string(False)


@pytest.fixture(scope="session")
def new_database(server: str) -> Iterator[NewDatabase]:
    """Make an empty database, and return its URL.

    All are dropped at the end: a file system that has just deleted files may be slow to create as
    many. ext4 takes 200 ms for a database then, instead of 30 ms.
    """
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    locale = "LOCALE 'C.UTF-8'" if "TEST_DATABASE_URL" in os.environ else ""
    names: list[str] = []

    def make(template: str = "template0") -> str:
        names.append(f"test_{uuid.uuid4().hex}")
        with admin.connect() as connection:
            connection.exec_driver_sql(
                f"CREATE DATABASE {names[-1]} TEMPLATE {template} ENCODING 'UTF8' {locale}"
            )
        return sa.make_url(server).set(database=names[-1]).render_as_string(hide_password=False)

    yield make
    with admin.connect() as connection:
        for name in names:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def migrated_database(new_database: NewDatabase, request: pytest.FixtureRequest) -> NewDatabase:
    """Make a copy of a migrated database, and return its URL."""
    url = new_database()
    app = support_migrations(create_app(Config(SECRET, url)))
    with app.app_context():
        try:
            flask_migrate.upgrade()
        except SystemExit as error:
            message = f"correct the newest file of migrations/versions: {error.__context__}"
            request.session.shouldfail = message  # no other test that needs a table would pass
            raise pytest.fail.Exception(message, pytrace=False) from None
    app.extensions["engine"].dispose()
    return partial(new_database, sa.make_url(url).database)


@pytest.fixture(scope="session")
def database_url(migrated_database: NewDatabase) -> str:
    return migrated_database()


@pytest.fixture(scope="session")
def config(database_url: str, server: str) -> Iterator[Config]:
    """The settings of the service, through PgBouncer if TEST_POOLED is set.

    No request may get a 429, and no statement a line, because the machine is slow.
    """
    patient = Config(SECRET, database_url, user_timeout=60, slow_statement=60)
    if "TEST_POOLED" not in os.environ:
        yield patient
        return
    with reachable_folder() as path, Pooler(server, path) as pooler:
        url = pooler.url(database_url)
        yield replace(patient, database_url=url, database_url_unpooled=database_url)


@pytest.fixture
def make_app(config: Config) -> Iterator[MakeApp]:
    """Make the service with other settings, and close its connections after the test."""
    apps: list[Flask] = []

    def make(**settings: Any) -> Flask:
        apps.append(support_migrations(create_app(replace(config, **settings))))
        return apps[-1]

    yield make
    for app in apps:
        app.extensions["engine"].dispose()


@pytest.fixture(scope="session")
def app(config: Config) -> Iterator[Flask]:
    """The service, checked in every test that uses it.

    Every status code that it returns must be in its document, and every statement that it executes
    for a request must filter the rows of users by the user of the token.
    """
    app = create_app(config)
    with app.extensions["engine"].connect() as connection:
        # The first list of a process reads it. Here no list is the first, in whatever order.
        app.extensions["database"] = connection.execute(GET_DATABASE).scalar_one()
    undocumented: set[str] = set()
    unowned: set[str] = set()

    @sa.event.listens_for(app.extensions["engine"], "before_cursor_execute")
    def check_owner(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
        if has_request_context():
            unowned.update(f"{request.method} {request.path}: {p}" for p in unfiltered(statement))
            if "owner" in values and values["owner"] != g.get("user"):
                unowned.add(f"{request.method} {request.path}: another owner: {statement}")

    @app.after_request
    def compare(response: Response) -> Response:
        rule = request.url_rule
        if rule and rule.rule.startswith(("/api/", "/health", "/ready")):
            item = document["paths"][re.sub(r"<\w+:(\w+)>", r"{\1}", rule.rule)]
            operation = item.get({"HEAD": "GET"}.get(request.method, request.method).lower())
            if operation and str(response.status_code) not in operation["responses"]:
                undocumented.add(f"{response.status_code} of {request.method} {rule.rule}")
        return response

    document = Client(app).get("/openapi.json").json
    yield app
    app.extensions["engine"].dispose()
    assert not undocumented, (
        "add @fails_with or @blp.alt_response to the view for each status code:"
        f" {'; '.join(undocumented)}"
    )
    assert not unowned, f"{FILTER_ADVICE}: {'; '.join(unowned)}"


@pytest.fixture
def lines() -> Iterator[Lines]:
    """The log of the service while the test runs."""
    stream = Lines()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(add_request_id)
    loggers = [logging.getLogger("todo_api"), logging.getLogger("alembic.env")]
    for logger in loggers:
        logger.addHandler(handler)
    yield stream
    for logger in loggers:
        logger.removeHandler(handler)


@pytest.fixture
def folder() -> Iterator[Path]:
    with reachable_folder() as path:
        yield path


@pytest.fixture
def user() -> str:
    return f"user-{uuid.uuid4().hex}"


@pytest.fixture(scope="session")
def token() -> Token:
    """Sign a token for ``user``. A claim of None is left out."""

    def sign(
        user: object,
        /,
        *,
        key: str = SECRET,
        algorithm: str = "HS256",
        headers: dict[str, Any] | None = None,
        **claims: object,
    ) -> str:
        now = int(time())
        claims = {"sub": user, "iat": now, "exp": now + 900} | claims
        present = {name: claim for name, claim in claims.items() if claim is not None}
        return jwt.encode(present, key, algorithm, headers)

    return sign


@pytest.fixture
def anonymous(app: Flask) -> Client:
    return Client(app)


@pytest.fixture
def client_of(app: Flask, token: Token) -> MakeClient:
    def make(user: str) -> Client:
        return Client(app, token(user))

    return make


@pytest.fixture
def client(client_of: MakeClient, user: str) -> Client:
    return client_of(user)
