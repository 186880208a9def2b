"""The WSGI application, for `flask` and gunicorn."""

from config import Config
from todo_api import create_app

app = create_app(Config.from_env())
