"""A migration that Alembic writes is formatted, and says what is left to do by hand."""

import shutil
import sys
from pathlib import Path

import flask_migrate
import sqlalchemy as sa

from tests import ROOT, SECRET
from tests.support.postgres import NewDatabase
from tests.support.processes import run
from todo_api import create_app
from todo_api.commands.cli import support_migrations
from todo_api.config import Config


def test_new_migration_is_formatted_and_lists_what_autogenerate_leaves_out(
    new_database: NewDatabase, folder: Path
) -> None:
    shutil.copy(ROOT / "pyproject.toml", folder)
    migrations = folder / "migrations"
    shutil.copytree(ROOT / "migrations", migrations, ignore=shutil.ignore_patterns("__pycache__"))
    app = support_migrations(create_app(Config(SECRET, new_database())))
    with app.app_context():
        flask_migrate.upgrade(directory=str(migrations))
        with sa.create_engine(app.extensions["settings"].database_url).begin() as connection:
            connection.exec_driver_sql("ALTER TABLE tasks DROP priority, DROP due_date")
        flask_migrate.migrate(directory=str(migrations), message="add two columns")
    app.extensions["engine"].dispose()
    (written,) = (migrations / "versions").glob("*_add_two_columns.py")
    text = written.read_text()
    assert text.count("op.add_column") == 2
    for left_out in ("CHECK", "postgresql_not_valid", "VALIDATE", "postgresql_concurrently"):
        assert left_out in text
    for command in (["check"], ["format", "--check"]):
        ran = run([sys.executable, "-m", "ruff", *command, written])
        assert ran.returncode == 0, f"{ran.stdout}\n{text}"
