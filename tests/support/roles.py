"""Roles of the database with few rights, and the service that connects as one."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from flask import Flask

from tests import SECRET
from todo_api import create_app
from todo_api.config import Config


@contextmanager
def role_with(app: Flask, rights: str, options: str = "") -> Iterator[Flask]:
    """Yield the service with the database of ``app``, as a role that has only these rights."""
    engine = app.extensions["engine"]
    role = f"role_{uuid.uuid4().hex}"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN PASSWORD '{role}' {options}")
        connection.exec_driver_sql(f"GRANT {rights} TO {role}")
    url = sa.make_url(app.extensions["settings"].database_url).set(username=role, password=role)
    limited = create_app(Config(SECRET, url.render_as_string(hide_password=False)))
    try:
        yield limited
    finally:
        limited.extensions["engine"].dispose()
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP OWNED BY {role}")
            connection.exec_driver_sql(f"DROP ROLE {role}")
