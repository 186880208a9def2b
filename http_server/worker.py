"""The worker and the logger that gunicorn runs the service with.

Both override methods of gunicorn, so both depend on its internals. Checked on gunicorn 27.0.1;
tests/http_server/test_worker.py fails when gunicorn changes what they use. Without them the
service still answers, but its log is not JSON and may quote a token of a malformed request, and
a few clients that do not read, or that do not close their end of a connection, stop a worker.

gunicorn's arbiter imports this module, so it must not import the application.
"""

import errno
import resource
import select
import selectors
import socket
import sys
from collections import deque
from functools import partial
from itertools import islice
from mmap import mmap
from time import monotonic, sleep
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.http.body import LengthReader
from gunicorn.workers.gthread import TConn, ThreadWorker
from pythonjsonlogger.json import JsonFormatter

from http_server.client_socket import ClientSocket
from http_server.listener import refuse_connections

NEXT_REQUEST = 2  # milliseconds
LINGER = 2  # seconds
MAX_LINGER_BYTES = 1024 * 1024
OTHER_DESCRIPTORS = 100  # database connections, files that are sent, logs, pipes
DRAIN = 6  # seconds, longer than most load balancers take to notice that an instance stops
QUIET = 1  # seconds
NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

stopping = mmap(-1, 1)
"""One byte that the arbiter shares with its workers: not 0 when the whole instance stops."""
FOR_GOOD = 2
"""Its value if no other process has the listening sockets."""


class JsonLogger(Logger):
    """Writes gunicorn's own lines as the service writes its lines.

    A `logconfig_dict` would do too, but turns on an access log, query strings and all.
    """

    in_use = False

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

    def error(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log an address in use once, with its setting. gunicorn logs it eleven times."""
        if msg == "Connection in use: %s":
            if self.in_use:
                return
            self.in_use = True
            msg = "%s is in use. Set PORT to another port, or --bind to another address."
        elif self.in_use and msg.startswith(("connection to ", "Can't connect to ")):
            return
        super().error(msg, *args, **kwargs)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Leave out a client that was too slow: the service has not failed."""
        if not isinstance(sys.exc_info()[1], TimeoutError):
            super().exception(msg, *args, **kwargs)


class Connection(TConn):
    """A client's connection, which remembers the request that it is served."""

    request: Any = None
    lingers = False
    discarded = 0

    def wait_for_data(self, _timeout: float) -> bool:
        """Return at once: the worker's main loop waits for a silent client, not a thread."""
        return readable(self.sock)

    def is_read(self) -> bool:
        """Return whether the client has sent exactly one whole request since the last response."""
        if self.request is None or readable(self.sock):
            return False
        reader = self.request.body.reader
        return isinstance(reader, LengthReader) and reader.length == 0

    def close(self, graceful: bool = False) -> None:  # noqa: ARG002 see `Worker.linger`
        """Close at once, and never wait for the client."""
        super().close()


class Worker(ThreadWorker):
    """Holds no thread for a client that is silent, slow or open without a reason.

    - A request that follows within moments is served in the same thread. That saves the way
      through the main loop, a tenth of the time of a GET.
    - A connection whose request was read completely is closed at once.
    - Any other is half-closed, and the main loop discards what still comes for `LINGER` seconds. A
      client that is still sending sees the response, and not a reset.
    - When there is no room for another connection, the silent ones are closed.

    When the instance stops, it still accepts connections until the load balancer sends no more.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lingering: deque[Connection] = deque()
        self.crowded = False  # another connection could not be accepted
        self.last_used = 0.0

    def load_wsgi(self) -> None:
        """Tell the application in its environ when the instance stops."""
        super().load_wsgi()
        application: Any = vars(self)["wsgi"]

        def with_stopping(environ: dict[str, Any], start_response: Any) -> Any:
            environ["todo_api.stopping"] = bool(stopping[0])
            return application(environ, start_response)

        self.wsgi = with_stopping

    def set_accept_enabled(self, enabled: bool) -> None:
        """Start or stop accepting. A worker that ends first serves what still comes."""
        if not self.alive and stopping[0] and self.nr_conns:
            self.drain()
        super().set_accept_enabled(enabled)
        if not self.alive:
            self.close_listeners()

    def close_listeners(self) -> None:
        """Close them first: while the last requests are served, the kernel would accept more."""
        for listener in self.sockets:
            if stopping[0] == FOR_GOOD:
                refuse_connections(listener)
            before = -1
            while before < self.nr_conns:
                before = self.nr_conns
                self.accept(listener)
            listener.close()

    def drain(self) -> None:
        """Serve what still comes, until nothing has come for `QUIET` seconds."""
        self.last_used = monotonic()
        end = self.last_used + DRAIN
        while monotonic() < min(end, self.last_used + QUIET):
            self.notify()
            self.wait_for_and_dispatch_events(timeout=0.1)
            self.murder_keepalived()
            self.murder_pending()

    def accept(self, listener: Any) -> None:
        """Accept as gunicorn does, but survive having no descriptor left."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno in NO_DESCRIPTOR:
                self.log.warning("Cannot accept a connection: %s", error.strerror)
                self.crowded = True
                sleep(0.1)  # the listener stays readable
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED):
                raise
            return
        self.nr_conns += 1
        sock = ClientSocket(client.family, client.type, client.proto, client.detach())
        self.enqueue_req(Connection(self.cfg, sock, address, listener.getsockname()))

    def handle(self, conn: Connection) -> Any:
        outcome = self.handle_one(conn)
        while outcome is True and self.next_request_ready(conn):
            outcome = self.handle_one(conn)
        if outcome is False:
            self.end(conn)
        return outcome

    def handle_one(self, conn: Connection) -> Any:
        conn.request = None
        conn.sock.expect_request()
        return super().handle(conn)

    def handle_request(self, req: Any, conn: Connection) -> Any:
        conn.request = req
        self.last_used = monotonic()
        conn.sock.hold()
        try:
            outcome = super().handle_request(req, conn)
            conn.sock.send_held()
        finally:
            conn.sock.drop_held()
        return outcome

    def next_request_ready(self, conn: Connection) -> bool:
        """Return whether another request is there, or comes within moments."""
        if not self.alive or self.nr_conns > self.cfg.threads:
            return False
        return readable(conn.sock, NEXT_REQUEST)

    def end(self, conn: Connection) -> None:
        """Close a connection, or close only our end where the client may still be sending."""
        try:
            if conn.sock.gave_up() or conn.is_read():
                conn.close()
            else:
                conn.sock.shutdown(socket.SHUT_WR)
                conn.lingers = True
        except (OSError, ValueError):
            conn.close()  # it was reset by the client, or closed by gunicorn

    def finish_request(self, conn: Connection, fs: Any) -> None:
        if conn.lingers:
            self.linger(conn)
        else:
            super().finish_request(conn, fs)

    def linger(self, conn: Connection) -> None:
        conn.sock.setblocking(False)
        conn.timeout = monotonic() + LINGER
        self.lingering.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.discard, conn))

    def discard(self, conn: Connection, _sock: Any) -> None:
        try:
            discarded = len(conn.sock.recv(65_536))
        except OSError:
            discarded = 0
        conn.discarded += discarded
        if discarded == 0 or conn.discarded > MAX_LINGER_BYTES:
            self.forget(conn)

    def forget(self, conn: Connection) -> None:
        self.lingering.remove(conn)
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        """Close the connections whose time is up; without room, all that nobody waits for."""
        full = self.crowded or self.nr_conns >= self.worker_connections
        if full:
            self.make_room()
        super().murder_pending()
        while self.lingering and (full or self.lingering[0].timeout < monotonic()):
            self.forget(self.lingering[0])

    def make_room(self) -> None:
        """Let idle connections end now: the silent ones, and the kept ones that are too many.

        gunicorn checks `max_keepalived` in the threads, so a few more may be kept. They could take
        the whole room until they expire.
        """
        kept = 0 if self.crowded else self.max_keepalived
        excess = max(0, len(self.keepalived_conns) - kept)
        for conn in (*self.pending_conns, *islice(self.keepalived_conns, excess)):
            conn.timeout = monotonic()
        self.murder_keepalived()
        self.crowded = False


def readable(sock: socket.socket, milliseconds: int = 0) -> bool:
    """Return whether a socket has bytes to read or was closed by the client."""
    waiting = select.poll()  # not select(), which takes no descriptor above 1023
    waiting.register(sock, select.POLLIN)
    return bool(waiting.poll(milliseconds))


def affordable_connections(wanted: int) -> int:
    """Return how many connections a worker may have open, after raising its soft limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted + OTHER_DESCRIPTORS:
        most = wanted + OTHER_DESCRIPTORS
        soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return max(1, soft - OTHER_DESCRIPTORS)
    return wanted
