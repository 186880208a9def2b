"""The worker and the logger that gunicorn runs the service with.

Both override methods of gunicorn, so both depend on its internals. Checked on gunicorn 27.0.1;
tests/unit/test_gunicorn_worker.py fails when gunicorn changes what they use. Without them the
service still answers, but its log is not JSON and may quote a token of a malformed request, and
clients that keep their end of a connection open stop a worker.

gunicorn's arbiter imports this module, so it must not import the application.
"""

import select
import sys
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn, ThreadWorker
from pythonjsonlogger.json import JsonFormatter

NEXT_REQUEST = 2  # milliseconds


class JsonLogger(Logger):
    """Writes gunicorn's own lines as the service writes its lines.

    A `logconfig_dict` would do too, but turns on an access log, query strings and all.
    """

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        formatter = JsonFormatter(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger", "message": "event"},
            timestamp="time",
        )
        for handler in self.error_log.handlers:
            handler.setFormatter(formatter)

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Leave out what gunicorn quotes of a malformed request: it may be a token."""
        if msg.startswith("Invalid request from "):
            msg = msg.partition(": ")[0]
        super().warning(msg, *args, **kwargs)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Leave out a client that went silent: it is no failure of the service."""
        if not isinstance(sys.exc_info()[1], BlockingIOError):
            super().exception(msg, *args, **kwargs)


class Worker(ThreadWorker):
    """Keeps a connection in the thread that serves it, and closes it there.

    A next request that follows at once saves the way through the worker's main loop, a tenth of
    the time of a GET, as long as there is a thread for each connection and so none that waits.

    To close one, gunicorn lets that loop wait up to 2 s for the client's end of it, for one after
    the other: fifteen clients that leave it open would have the worker killed as dead.
    """

    def handle(self, conn: TConn) -> Any:
        outcome = super().handle(conn)
        while outcome is True and self.follows(conn):
            outcome = super().handle(conn)
        if outcome is False:
            conn.close(graceful=True)
            conn.close = lambda **_: None
        return outcome

    def follows(self, conn: TConn) -> bool:
        """Return whether another request is there, or comes within moments."""
        if not self.alive or self.nr_conns > self.cfg.threads:
            return False
        readable = select.poll()  # not select(), which takes no descriptor above 1023
        readable.register(conn.sock, select.POLLIN)
        return bool(readable.poll(NEXT_REQUEST))
