"""The task back end: `create_app` puts the parts together.

gunicorn's arbiter imports this package for its worker class. The application is imported by
`create_app` only, so that SIGHUP starts workers with the new code.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from config import Config

if TYPE_CHECKING:
    from flask import Flask


def create_app(config: Config) -> "Flask":
    """Make the WSGI application.

    It connects to no database before a request needs one, but starts the embedded one if told to.
    """
    from flask import Flask
    from flask_cors import CORS
    from flask_migrate import Migrate

    from todo_api import cli, db, health, logs, openapi, tasks

    app = Flask(__name__, static_folder=None)
    app.config.update(SETTINGS=config, PROPAGATE_EXCEPTIONS=False)
    app.url_map.merge_slashes = False
    logs.init_app(app, config)
    CORS(
        app,
        origins=list(config.frontend_origins),
        supports_credentials=True,
        methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
        allow_headers=["Authorization", "Content-Type", "Accept", "X-Request-ID"],
        expose_headers=["Link", "Location", "ETag", "Retry-After", "X-Request-ID"],
        max_age=600,
        always_send=False,
    )
    db.init_app(app, config)
    Migrate(directory=str(Path(__file__).parents[1] / "migrations")).init_app(app)
    api = openapi.init_app(app)
    api.register_blueprint(tasks.blp)
    api.register_blueprint(health.blp)
    cli.init_app(app)
    return app
