"""Whether a database has the schema that this version needs."""

from pathlib import Path
from typing import Any

from sqlalchemy import ARRAY, Row, Text, bindparam, text

from todo_api.database.models import metadata

PACKAGE = Path(__file__).parents[1]
# In a wheel they are in this package, in a checkout beside it.
MIGRATIONS = next(filter(Path.exists, (PACKAGE / "migrations", PACKAGE.parent / "migrations")))

# From the catalog, so it needs no right on any table, and never waits for a table's lock.
READINESS = text(
    "SELECT extract(epoch FROM clock_timestamp())::float AS clock,"
    " array_agg(name ORDER BY position) FILTER (WHERE attnum IS NULL) AS missing,"
    " array_agg(name ORDER BY position) FILTER (WHERE attnum IS NOT NULL) AS unreadable"
    " FROM unnest(:columns) WITH ORDINALITY AS needed (name, position)"
    " LEFT JOIN pg_attribute ON attrelid = to_regclass(split_part(name, '.', 1))"
    " AND attname = split_part(name, '.', 2) AND NOT attisdropped"
    " WHERE attnum IS NULL OR NOT has_column_privilege(attrelid, attnum, 'SELECT')"
).bindparams(
    bindparam("columns", [str(c) for t in metadata.sorted_tables for c in t.c], ARRAY(Text))
)
"""The database's clock, and the columns that this code needs and that it lacks or may not read.

Not the revision in `alembic_version`: the service's role may not be allowed to read that table.
And a newer schema must stay ready, during a rollout or after a rollback, unless it lacks a column.
"""


def newest_migration() -> str:
    """Return the revision of the schema that belongs to this code."""
    return max(file.name for file in MIGRATIONS.glob("versions/[0-9]*.py")).partition("_")[0]


def schema_problem(found: Row[Any]) -> str | None:
    """Say what is wrong with the schema in the row of `READINESS`, and which command fixes it."""
    if found.missing:
        others = f" and {len(found.missing) - 1} more columns" if found.missing[1:] else ""
        return f"the database has no {found.missing[0]}{others}. Run: flask db upgrade"
    if found.unreadable:
        return f"the role of DATABASE_URL may not read {found.unreadable[0]}. Run: flask doctor"
    return None
