"""The back end of a todo application. `create_app` registers its parts in request order."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from todo_api.config import Config


def create_app(config: "Config | None" = None) -> "Flask":
    """Make the WSGI application. Without ``config``, read the settings from the environment.

    It connects to no database before a request needs one. It starts the embedded PostgreSQL if
    `DATABASE_URL` asks for it.
    """
    # Not at the top: gunicorn.conf.py imports `todo_api.config`, and only workers load the rest.
    from todo_api import (
        account,
        api,
        cli,
        context,
        cors,
        db,
        health,
        logs,
        openapi,
        parsing,
        tasks,
    )

    config = config or cli.read_config()
    app = context.App(__name__, static_folder=None)
    context.init_app(app, config)
    logs.init_app(app, config)  # first: it starts the clock, and logs when all else is done
    cors.init_app(app, config)
    api.init_app(app)  # preflights need no valid body, so they come before the limits
    parsing.init_app(app)
    db.init_app(app, config)
    documented = openapi.init_app(app)
    documented.register_blueprint(tasks.blp)
    documented.register_blueprint(account.blp)
    documented.register_blueprint(health.blp)
    cli.init_app(app)
    return app
