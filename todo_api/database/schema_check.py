"""Whether a database has the schema that this version needs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import ARRAY, Row, Text, bindparam, text

from todo_api.database.models import metadata

PACKAGE = Path(__file__).parents[1]
# In a wheel they are in this package, in a checkout beside it.
MIGRATIONS = next(filter(Path.exists, (PACKAGE / "migrations", PACKAGE.parent / "migrations")))

# From the catalog, so it needs no right on any table, and never waits for a table's lock.
UNUSABLE_COLUMNS = text(
    "SELECT name, attnum IS NOT NULL AS present"
    " FROM unnest(:columns) WITH ORDINALITY AS needed (name, position)"
    " LEFT JOIN pg_attribute ON attrelid = to_regclass(split_part(name, '.', 1))"
    " AND attname = split_part(name, '.', 2) AND NOT attisdropped"
    " WHERE attnum IS NULL OR NOT has_column_privilege(attrelid, attnum, 'SELECT')"
    " ORDER BY position"
).bindparams(
    bindparam("columns", [str(c) for t in metadata.sorted_tables for c in t.c], ARRAY(Text))
)
"""The columns that this code needs and that are missing or may not be read.

Not the revision in `alembic_version`: the service's role may not be allowed to read that table.
And a newer schema must stay ready, during a rollout or after a rollback, unless it lacks a column.
"""


def newest_migration() -> str:
    """Return the revision of the schema that belongs to this code."""
    return max(file.name for file in MIGRATIONS.glob("versions/*.py")).partition("_")[0]


def schema_advice(unusable: Sequence[Row[Any]]) -> str:
    """Say what is wrong with the rows of `UNUSABLE_COLUMNS`, and which command fixes it."""
    missing = [row.name for row in unusable if not row.present]
    if missing:
        others = f" and {len(missing) - 1} more columns" if missing[1:] else ""
        return f"the database has no {missing[0]}{others}. Run: flask db upgrade"
    return f"the role of DATABASE_URL may not read {unusable[0].name}. Run: flask doctor"
