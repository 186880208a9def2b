"""The probes of an orchestrator: is the process alive, and can it serve."""

import logging
from time import time

from marshmallow import fields
from marshmallow.validate import OneOf
from werkzeug.exceptions import ServiceUnavailable

from todo_api.context import current_request
from todo_api.database.engine import execute
from todo_api.database.schema_check import READINESS, schema_problem
from todo_api.errors import RETRY_AFTER, Output
from todo_api.http.clock import MAX_DIFFERENCE, seconds_behind
from todo_api.http.facts import fails_with, named
from todo_api.http.smorest import Blueprint
from todo_api.logs import is_due
from todo_api.version import __version__

logger = logging.getLogger(__name__)


class Health(Output):
    """The state of the service."""

    status = fields.String(validate=OneOf(("ok",)))
    version = fields.String(metadata={"description": "Of the running code."})


OK = {"status": "ok", "version": __version__}

STOPPING = "todo_api.stopping"
"""A server sets this key of the WSGI environ to true when it serves its last requests."""
WRONG_CLOCK = "this machine's clock differs from the database's: run flask doctor"

blp = Blueprint(
    "Health",
    __name__,
    description="Probes for orchestrators. They need no token.",
    strict=False,  # a monitor may add a query of its own
)


@blp.route("/health")
@blp.response(200, Health, examples=named(alive=OK))
def get_health() -> dict[str, str]:
    """Check liveness

    200 while the process responds. It never uses the database, so a probe does not keep a database
    awake that scales to zero.
    """
    return OK


@blp.route("/ready")
@blp.response(200, Health, examples=named(ready=OK))
@fails_with(503)
def get_ready() -> dict[str, str]:
    """Check readiness

    200 while the database responds and has the tables and columns that this version needs. 503
    otherwise, or when this instance is shutting down. A clock that differs from the database's is
    only logged.
    """
    if current_request().environ.get(STOPPING):
        raise unavailable("This instance is shutting down. Send requests to another one.")
    asked = time()
    found = execute(READINESS).one()
    behind = seconds_behind(found.clock, asked)
    if abs(behind) > MAX_DIFFERENCE and is_due("clock"):
        # Still ready: if the database's clock is the wrong one, every instance would be out.
        logger.warning(WRONG_CLOCK, extra={"seconds_behind": round(behind, 1)})
    if problem := schema_problem(found):
        logger.error("not ready: %s", problem)
        raise unavailable("The database is not ready for this version. The log says why.")
    return OK


def unavailable(message: str) -> ServiceUnavailable:
    return ServiceUnavailable(message, retry_after=RETRY_AFTER)
