"""The probes of an orchestrator: is the process alive, and can it serve."""

import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, Row, Text, bindparam, text
from werkzeug.exceptions import ServiceUnavailable

from todo_api import db
from todo_api.api import Blueprint
from todo_api.context import current_request
from todo_api.errors import RETRY_AFTER
from todo_api.models import metadata
from todo_api.schemas import Health

logger = logging.getLogger(__name__)

# From the catalog, so it needs no right on any table, and never waits for a table's lock.
UNUSABLE_COLUMNS = text(
    "SELECT name, attnum IS NOT NULL AS present"
    " FROM unnest(:columns) WITH ORDINALITY AS needed (name, place)"
    " LEFT JOIN pg_attribute ON attrelid = to_regclass(split_part(name, '.', 1))"
    " AND attname = split_part(name, '.', 2) AND NOT attisdropped"
    " WHERE attnum IS NULL OR NOT has_column_privilege(attrelid, attnum, 'SELECT')"
    " ORDER BY place"
).bindparams(
    bindparam("columns", [str(c) for t in metadata.sorted_tables for c in t.c], ARRAY(Text))
)
"""The columns that this code needs and that are missing or may not be read.

Not the revision in `alembic_version`: the service's role may not be allowed to read that table.
And a newer schema must stay ready, during a rollout or after a rollback, unless it lacks a column.
"""

STOPPING = "todo_api.stopping"
"""A server sets this key of the WSGI environ to true when it serves its last requests."""

blp = Blueprint("Health", __name__, description="Probes for orchestrators. They need no token.")


@blp.route("/health")
@blp.response(200, Health)
def get_health() -> dict[str, str]:
    """Check liveness

    200 while the process responds. It never uses the database, so a probe does not keep a database
    awake that scales to zero.
    """
    return {"status": "ok"}


@blp.route("/ready")
@blp.response(200, Health)
def get_ready() -> dict[str, str]:
    """Check readiness

    200 while the database responds and has the tables and columns that this version needs. 503
    otherwise, or when this instance is shutting down.
    """
    if current_request().environ.get(STOPPING):
        raise unavailable("This instance is shutting down. Send requests to another one.")
    unusable = db.execute(UNUSABLE_COLUMNS).all()
    if unusable:
        logger.error("not ready: %s", schema_advice(unusable))
        raise unavailable("The database is not ready for this version. The log says why.")
    return {"status": "ok"}


def unavailable(message: str) -> ServiceUnavailable:
    return ServiceUnavailable(message, retry_after=RETRY_AFTER)


def schema_advice(unusable: Sequence[Row[Any]]) -> str:
    """Say what is wrong with the rows of `UNUSABLE_COLUMNS`, and which command fixes it."""
    missing = [row.name for row in unusable if not row.present]
    if missing:
        others = f" and {len(missing) - 1} more columns" if missing[1:] else ""
        return f"the database has no {missing[0]}{others}. Run: flask db upgrade"
    return f"the role of DATABASE_URL may not read {unusable[0].name}. Run: flask doctor"
