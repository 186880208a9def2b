"""The WSGI application, for `flask` and gunicorn."""

from todo_api import create_app

app = create_app()
