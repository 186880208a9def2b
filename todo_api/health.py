"""What an orchestrator asks: is the process alive, and can it serve."""

from sqlalchemy import text

from todo_api import db
from todo_api.api import Blueprint
from todo_api.schemas import Health

blp = Blueprint("health", __name__, description="Probes, without a token.")


@blp.route("/health")
@blp.response(200, Health)
def get_health() -> dict[str, str]:
    """Tell that the process answers; never asks the database, so a probe does not keep it awake."""
    return {"status": "ok"}


@blp.route("/ready")
@blp.response(200, Health)
def get_ready() -> dict[str, str]:
    """Tell that the database answers too."""
    db.execute(text("SELECT 1"))
    return {"status": "ok"}
