"""How gunicorn runs the service. It reads PORT and WEB_CONCURRENCY by itself."""

import gc
import select
import socket
import struct
import sys

from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker
from pythonjsonlogger.json import JsonFormatter

from config import MAX_BODY_BYTES, POOL_SIZE

READ_TIMEOUT = 10  # seconds
NEXT_REQUEST = 2  # milliseconds


class JsonLogger(Logger):
    """Writes gunicorn's own lines as the service writes its lines.

    A `logconfig_dict` would do too, but turns on an access log, query strings and all.
    """

    def setup(self, cfg):
        super().setup(cfg)
        formatter = JsonFormatter(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger", "message": "event"},
            timestamp="time",
        )
        for handler in self.error_log.handlers:
            handler.setFormatter(formatter)

    def warning(self, msg, *args, **kwargs):
        """Leave out what gunicorn quotes of a malformed request: it may be a token."""
        if msg.startswith("Invalid request from "):
            msg = msg.partition(": ")[0]
        super().warning(msg, *args, **kwargs)

    def exception(self, msg, *args, **kwargs):
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

    def handle(self, conn):
        outcome = super().handle(conn)
        while outcome is True and self.follows(conn):
            outcome = super().handle(conn)
        if outcome is False:
            conn.close(graceful=True)
            conn.close = lambda **_: None
        return outcome

    def follows(self, conn):
        """Return whether another request is there, or comes within moments."""
        if not self.alive or self.nr_conns > self.cfg.threads:
            return False
        readable = select.poll()  # not select(), which takes no descriptor above 1023
        readable.register(conn.sock, select.POLLIN)
        return bool(readable.poll(NEXT_REQUEST))


def pre_request(_worker, request):
    """Close the connection after a request whose body the service refuses.

    gunicorn drops the `Connection: close` of an application, and would read on for the body.
    """
    headers = dict(request.headers)
    length = headers.get("CONTENT-LENGTH", "0")
    if "TRANSFER-ENCODING" in headers or int(length) > MAX_BODY_BYTES:
        request.force_close()


def post_worker_init(_worker):
    """Keep what a worker has loaded out of garbage collection, and collect less often.

    A request makes thousands of objects and hardly a cycle; looking for them took a seventh of it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


def when_ready(server):
    """Bound how long a client that says nothing is waited for; accepted sockets inherit both.

    Before its first byte the kernel keeps a connection, for half a minute (on Linux); a thread
    would wait 5 s for each. Later silence, within a request, ends a read after `READ_TIMEOUT`.
    """
    for listener in server.LISTENERS:
        seconds = struct.pack("@ll", READ_TIMEOUT, 0)
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, seconds)
        if hasattr(socket, "TCP_DEFER_ACCEPT") and listener.sock.family != socket.AF_UNIX:
            listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 30)


wsgi_app = "wsgi:app"
limit_request_line = 8190  # bytes, gunicorn's most; api.py refuses what would grow beyond it
worker_class = Worker
threads = 2 * POOL_SIZE  # while all connections wait for a slow database, /health still answers
preload_app = False  # the workers would share the connections opened before they were forked
# Longer than a load balancer keeps an idle connection, or it sends a request into a closed one.
keepalive = 75
control_socket_disable = True
forwarder_headers = ""  # a client's SCRIPT_NAME and PATH_INFO headers are no setting of ours
secure_scheme_headers = {}  # no answer depends on the scheme
logger_class = JsonLogger
