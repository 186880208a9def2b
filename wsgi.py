"""The WSGI application, for `flask` and other WSGI servers. gunicorn.conf.py names its own."""

from todo_api import create_app

app = create_app()
