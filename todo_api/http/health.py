"""The probes of an orchestrator: is the process alive, and can it serve."""

import logging

from marshmallow import fields
from marshmallow.validate import OneOf
from werkzeug.exceptions import ServiceUnavailable

from todo_api.context import current_request
from todo_api.database.engine import execute
from todo_api.database.schema_check import UNUSABLE_COLUMNS, schema_advice
from todo_api.errors import RETRY_AFTER, Output
from todo_api.http.facts import fails_with, named
from todo_api.http.smorest import Blueprint
from todo_api.version import __version__

logger = logging.getLogger(__name__)


class Health(Output):
    """The state of the service."""

    status = fields.String(required=True, validate=OneOf(("ok",)))
    version = fields.String(required=True, metadata={"description": "Of the running code."})


OK = {"status": "ok", "version": __version__}

STOPPING = "todo_api.stopping"
"""A server sets this key of the WSGI environ to true when it serves its last requests."""

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
    otherwise, or when this instance is shutting down.
    """
    if current_request().environ.get(STOPPING):
        raise unavailable("This instance is shutting down. Send requests to another one.")
    unusable = execute(UNUSABLE_COLUMNS).all()
    if unusable:
        logger.error("not ready: %s", schema_advice(unusable))
        raise unavailable("The database is not ready for this version. The log says why.")
    return OK


def unavailable(message: str) -> ServiceUnavailable:
    return ServiceUnavailable(message, retry_after=RETRY_AFTER)
