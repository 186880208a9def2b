"""The probes of an orchestrator: is the process alive, and can it serve."""

from flask import request
from sqlalchemy import text
from werkzeug.exceptions import ServiceUnavailable

from todo_api import db
from todo_api.api import Blueprint
from todo_api.schemas import Health

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

    200 while the database responds, 503 otherwise, or when this instance is shutting down.
    """
    if request.environ.get("todo_api.stopping"):  # set by http_server/worker.py
        raise ServiceUnavailable("This instance is shutting down. Send requests to another one.")
    db.execute(text("SELECT 1"))
    return {"status": "ok"}
