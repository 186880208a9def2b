"""No migration after the first stops requests while it reads the whole of `tasks`."""

import re
import shutil
from pathlib import Path

import flask_migrate
import pytest

from tests import ROOT, SECRET
from todo_api import create_app
from todo_api.commands.cli import support_migrations
from todo_api.config import Config

MIGRATIONS = ROOT / "migrations"
TABLE = r'(public\.)?"?tasks"?'
BAD_STATEMENTS = {
    rf"CREATE (UNIQUE )?INDEX (?!CONCURRENTLY).* ON (ONLY )?{TABLE}[ (]": (
        "Build the index in an autocommit_block, with postgresql_concurrently=True."
    ),
    rf"ALTER TABLE (ONLY )?{TABLE} .*\b(CHECK|REFERENCES)\b(?!.*NOT VALID)": (
        "Add the constraint with postgresql_not_valid=True, and validate it in the next migration."
    ),
    rf"ALTER TABLE (ONLY )?{TABLE} .*\b(UNIQUE|PRIMARY KEY|EXCLUDE)\b(?!.*USING INDEX)": (
        "Build a unique index concurrently, then add the constraint with USING INDEX."
    ),
}
OUTSIDE_A_TRANSACTION = rf"ALTER TABLE (ONLY )?{TABLE} VALIDATE CONSTRAINT"


def write_sql(migrations: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what `flask db upgrade 0001:head --sql` prints."""
    app = support_migrations(create_app(Config(SECRET, "postgresql://host/database")))
    with app.app_context():
        flask_migrate.upgrade(directory=str(migrations), revision="0001:head", sql=True)
    return capsys.readouterr().out


def find_problems(sql: str) -> list[str]:
    """Return a line for each statement that would keep requests waiting."""
    problems = []
    revision, in_transaction = "", False
    for statement in sql.split(";\n"):
        if step := re.search(r"-- Running upgrade \S+ -> (\S+)", statement):
            revision = step[1]
        words = " ".join(re.sub(r"--.*", "", statement).split())
        in_transaction = {"BEGIN": True, "COMMIT": False}.get(words, in_transaction)
        advice = [text for bad, text in BAD_STATEMENTS.items() if re.match(bad, words, re.I)]
        if in_transaction and re.match(OUTSIDE_A_TRANSACTION, words, re.I):
            advice.append("Validate the constraint in an autocommit_block.")
        problems += [f"{revision} locks tasks for long: {words}: {text}" for text in advice]
    return problems


def test_no_migration_locks_the_table_for_long(capsys: pytest.CaptureFixture[str]) -> None:
    problems = find_problems(write_sql(MIGRATIONS, capsys))
    assert not problems, f"edit the files of migrations/versions: {'; '.join(problems)}"


CHECK = 'op.create_check_constraint("ck", "tasks", "title <> \'x\'")'
FOREIGN_KEY = 'op.create_foreign_key("fk", "tasks", "users", ["user_id"], ["id"])'
INLINE = 'op.execute("ALTER TABLE tasks ADD COLUMN n integer CHECK (n > 0)")'
VALIDATE = 'op.execute("ALTER TABLE tasks VALIDATE CONSTRAINT ck_tasks_tags")'


@pytest.mark.parametrize(
    ("statement", "advice"),
    [
        ('op.create_index("ix", "tasks", ["title"])', "postgresql_concurrently=True"),
        ('op.create_index("ix", "tasks", ["title"], unique=True)', "postgresql_concurrently=True"),
        ('op.execute("create index ix on public.tasks(title)")', "postgresql_concurrently=True"),
        (
            'op.add_column("tasks", sa.Column("n", sa.Integer, index=True))',
            "postgresql_concurrently=True",
        ),
        (CHECK, "postgresql_not_valid=True"),
        (FOREIGN_KEY, "postgresql_not_valid=True"),
        (INLINE, "postgresql_not_valid=True"),
        ('op.create_unique_constraint("uq", "tasks", ["title"])', "USING INDEX"),
        (VALIDATE, "autocommit_block"),
    ],
)
def test_migration_that_locks_the_table_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], statement: str, advice: str
) -> None:
    migrations = copy_with(folder, statement)
    (problem,) = find_problems(write_sql(migrations, capsys))
    assert problem.startswith("9999 locks tasks for long: ")
    assert advice in problem


GOOD = """with op.get_context().autocommit_block():
        op.create_index("ix", "tasks", ["title"], postgresql_concurrently=True)
        op.execute("ALTER TABLE tasks VALIDATE CONSTRAINT ck_tasks_tags")
    op.create_check_constraint("ck", "tasks", "title <> 'x'", postgresql_not_valid=True)
    op.create_table("notes", sa.Column("id", sa.Integer, primary_key=True))
    op.create_index("ix_notes", "notes", ["id"])"""


def test_migration_that_lets_requests_go_on_is_accepted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert find_problems(write_sql(copy_with(folder, GOOD), capsys)) == []


def copy_with(folder: Path, statement: str) -> Path:
    """Copy the first migration alone, so that a bad one fails one test, and put one behind it."""
    migrations = folder / "migrations"
    others = ("__pycache__", "00[1-9]*", "000[2-9]*")
    shutil.copytree(MIGRATIONS, migrations, ignore=shutil.ignore_patterns(*others))
    (migrations / "versions/9999_more.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n\n"
        f"revision = '9999'\ndown_revision = '0001'\n\n\ndef upgrade():\n    {statement}\n"
    )
    return migrations
