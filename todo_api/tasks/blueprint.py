"""The blueprint of the task endpoints."""

from todo_api.http.smorest import Blueprint

blp = Blueprint(
    "Tasks",
    __name__,
    url_prefix="/api/tasks",
    description="The tasks of the user in the token.",
    error_statuses=[429, 503],
)
