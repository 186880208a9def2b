"""gunicorn's gthread worker, made to survive slow clients and to stop without a reset.

http_server/README.md says what it adds and how to do without it. It overrides methods of gunicorn,
so it depends on gunicorn's internals. Checked on gunicorn 27.0.1: tests/http_server/test_worker.py
fails when gunicorn changes what is used here.

gunicorn's arbiter imports this module, so it must not import the application.
"""

import errno
import selectors
import socket
import sys
from collections import deque
from contextlib import suppress
from functools import partial
from itertools import islice
from os import SEEK_END
from select import POLLIN
from time import monotonic, sleep
from typing import Any

from gunicorn.http.body import LengthReader
from gunicorn.workers.gthread import _DEFER, TConn, ThreadWorker

from http_server.client_socket import AT_ONCE, PATIENCE, ClientSocket, wait
from http_server.refusal import RefusalSocket
from http_server.shutdown import FOR_GOOD, refuse_connections, stopping

NEXT_REQUEST = 0.002  # seconds
END_OF_HEAD = b"\r\n\r\n"
MAX_WAITING_HEAD = 32 * 1024  # bytes
LINGER = 2  # seconds
MAX_LINGER_BYTES = 1024 * 1024
DRAIN = 6  # seconds, longer than most load balancers take to notice that an instance stops
QUIET = 1  # seconds
NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Connection(TConn):
    """A client's connection, which remembers the request that is being served."""

    request: Any = None
    head_due = 0.0  # when the head that has begun must be complete
    lingers = False
    discarded = 0

    def wait_for_data(self, _timeout: float) -> bool:
        """Return at once: the worker's main loop waits for a silent client, not a thread."""
        return self.is_readable()

    def is_readable(self, seconds: float = 0) -> bool:
        """Return whether the client has sent more, or closed, within ``seconds``."""
        return wait(self.sock, POLLIN, seconds)

    def waits_for_head(self) -> bool:
        """Read what has come, without waiting. Return whether a thread would wait for the rest."""
        self.init()
        buffer = self.parser.unreader.buf
        with suppress(BlockingIOError):
            received = socket.socket.recv(self.sock, MAX_WAITING_HEAD, AT_ONCE)
            if not received:
                return False
            buffer.seek(0, SEEK_END)
            buffer.write(received)
        head = buffer.getvalue()
        if END_OF_HEAD in head or len(head) >= MAX_WAITING_HEAD:
            self.head_due = 0.0
            return False
        if head and not self.head_due:
            self.head_due = monotonic() + PATIENCE
        return True

    def is_late(self) -> bool:
        return 0 < self.head_due < monotonic()

    def is_read(self) -> bool:
        """Return whether the client has sent exactly one whole request since the last response."""
        if self.request is None or self.is_readable():
            return False
        reader = self.request.body.reader
        return isinstance(reader, LengthReader) and reader.length == 0

    def close(self, graceful: bool = False) -> None:  # noqa: ARG002 see `Worker.linger`
        """Close at once, and never wait for the client."""
        super().close()


class Worker(ThreadWorker):
    """Holds no thread for a client that is silent or slow, or that only stays connected.

    - A request that follows within moments is served in the same thread. That saves the way
      through the main loop, a tenth of the time of a GET.
    - Where connections may outnumber threads, the main loop waits for the rest of a head.
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

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Refuse TLS: its sockets would bypass the limits of `ClientSocket`."""
        if cfg.is_ssl:
            log.error("This worker serves no TLS: end it in a proxy, without certfile and keyfile.")
            sys.exit(1)
        super().check_config(cfg, log)

    # The stop of the instance.

    def load_wsgi(self) -> None:
        """Tell the application in its environ when the instance stops."""
        super().load_wsgi()
        application: Any = vars(self)["wsgi"]

        def with_stopping(environ: dict[str, Any], start_response: Any) -> Any:
            environ["todo_api.stopping"] = bool(stopping[0])
            return application(environ, start_response)

        self.wsgi = with_stopping

    def is_parent_alive(self) -> bool:
        """Stop as after a SIGTERM if the arbiter is gone: a new one needs the port at once."""
        has_parent: bool = super().is_parent_alive()
        if not has_parent:
            self.alive = False
        return has_parent

    def set_accept_enabled(self, enabled: bool) -> None:
        """Start or stop accepting. A worker that ends first serves what still comes."""
        if not self.alive and stopping[0] and self.nr_conns:
            self.drain()
        super().set_accept_enabled(enabled)
        if not self.alive:
            self.close_listeners()

    def drain(self) -> None:
        """Serve what still comes, until nothing has come for `QUIET` seconds."""
        self.last_used = monotonic()
        end = self.last_used + DRAIN
        while monotonic() < min(end, self.last_used + QUIET):
            self.notify()
            self.wait_for_and_dispatch_events(timeout=0.1)
            self.murder_keepalived()
            self.murder_pending()

    def close_listeners(self) -> None:
        """Close them before the last requests end, or the kernel would accept more connections."""
        for listener in self.sockets:
            if stopping[0] == FOR_GOOD:
                refuse_connections(listener)
            before = -1
            while before < self.nr_conns:
                before = self.nr_conns
                self.accept(listener)
            listener.close()

    # A connection, from its start to its end.

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
        """Serve the requests that follow each other, in a thread."""
        outcome = self.handle_one(conn)
        while outcome is True and self.next_request_ready(conn):
            outcome = self.handle_one(conn)
        if outcome is False:
            self.end(conn)
        return outcome

    def handle_one(self, conn: Connection) -> Any:
        conn.request = None
        if self.has_few_threads() and conn.waits_for_head():
            return False if conn.is_late() else _DEFER
        conn.sock.expect_request()
        return super().handle(conn)

    def has_few_threads(self) -> bool:
        """Return whether threads may get short. Then none waits for the rest of a head."""
        return self.alive and self.nr_conns > self.cfg.threads // 2

    def handle_request(self, req: Any, conn: Connection) -> Any:
        conn.request = req
        conn.head_due = 0.0
        self.last_used = monotonic()
        return super().handle_request(req, conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        super().handle_error(req, RefusalSocket(client, req, exc), addr, exc)

    def next_request_ready(self, conn: Connection) -> bool:
        """Return whether another request is there, or comes within moments.

        Not where connections outnumber threads: each then takes its turn in the main loop.
        """
        if not self.alive or self.nr_conns > self.cfg.threads:
            return False
        return conn.is_readable(NEXT_REQUEST)

    def end(self, conn: Connection) -> None:
        """Close a connection, or only our end of it if the client may still be sending."""
        try:
            if conn.sock.is_too_slow() or conn.is_read():
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

    # Room for other connections.

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
