"""The back end of a todo application. `create_app` registers its parts in request order."""

from flask import Flask

from todo_api import accounts, context, logs, openapi, tasks
from todo_api.commands import cli
from todo_api.config import Config
from todo_api.database import engine
from todo_api.http import cors, health, parsing, smorest


def create_app(config: Config | None = None) -> Flask:
    """Make the WSGI application. Without ``config``, read the settings from the environment.

    It starts nothing, connects to no database and leaves the log alone: see wsgi.py. Raises
    `ConfigError` for an invalid setting.
    """
    if config is None:
        config = Config.from_env()
    if not isinstance(config, Config):
        raise TypeError(f"create_app takes a todo_api.config.Config, not a {type(config).__name__}")
    app = context.App(__name__, static_folder=None)
    context.init_app(app, config)
    logs.init_app(app)  # first: it starts the clock, and logs when all else is done
    cors.init_app(app, config)  # preflights need no valid path or body, so they come first
    smorest.init_app(app)
    parsing.init_app(app)
    engine.init_app(app, config)
    documented = openapi.init_app(app)
    documented.register_blueprint(tasks.blp)
    documented.register_blueprint(accounts.blp)
    documented.register_blueprint(health.blp)
    cli.init_app(app)
    return app
