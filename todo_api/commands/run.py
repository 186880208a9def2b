"""What `flask run` checks before it serves, and what it prints."""

import errno
import logging
import socket
import sys

from flask import Flask

from todo_api.commands.token import sign_token
from todo_api.database.url import describe_database

GREETING = """{press}

  API    {address}/api/tasks
  docs   {address}/docs
  token  {program} token demo
  data   {data}

  Create a task from another terminal. The token in this line is valid for an hour:

curl {address}/api/tasks -H 'Content-Type: application/json' -d '{{"title": "Buy milk"}}' \
-H 'Authorization: Bearer {token}'
"""


def check_port(host: str, port: int, variable: str = "FLASK_RUN_PORT") -> None:
    """Exit with one line if another program listens on the port."""
    if not 0 < port < 65536:
        sys.exit(f"Port {port} does not exist. Set {variable} to 1 to 65535.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            sys.exit(f"Port {port} is in use. Set {variable} to another one.")


def greet(app: Flask, address: str) -> None:
    """Print what a developer needs next, after the last line that `flask run` prints."""

    def add_greeting(record: logging.LogRecord) -> bool:
        if "Press CTRL+C to quit" in str(record.msg):
            config = app.extensions["settings"]
            record.msg = GREETING.format(
                press=record.msg,
                address=address,
                program=program(),
                token=sign_token("demo", 60, config),
                data=describe_database(config.database_url),
            )
        return True

    logging.getLogger("werkzeug").addFilter(add_greeting)


def program() -> str:
    """Return how a shell runs `flask` as this process does."""
    return f"{sys.executable} -m flask" if sys.argv[0].endswith("__main__.py") else sys.argv[0]
