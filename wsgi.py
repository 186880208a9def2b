"""The WSGI application, for `flask` and other WSGI servers. gunicorn.conf.py names its own."""

from todo_api.wsgi import app

__all__ = ["app"]
