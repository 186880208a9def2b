"""How gunicorn runs the service. It reads PORT and WEB_CONCURRENCY by itself."""

import gc
import re
import resource
import socket
import sys
from typing import Any

from gunicorn.http.errors import InvalidHeader

from http_server import shutdown

MAX_DRAINED_BYTES = 64 * 1024  # of a body that the service did not read, gunicorn reads less
# RFC 9112, section 3.2, but not empty: an http URL has a host (RFC 9110, section 4.2.1).
HOST = re.compile(
    r"(?:[\w.~!$&'()*+,;=-]|%[0-9a-f]{2})+(?::[0-9]*)?|\[[0-9a-f:.]+\](?::[0-9]*)?", re.A | re.I
)
OTHER_DESCRIPTORS = 100  # database connections, files that are sent, logs, pipes


def on_starting(server: Any) -> None:
    """Exit if there is no worker to start. A worker checks the other settings: todo_api/wsgi.py."""
    if server.cfg.workers < 1:
        server.log.error("WEB_CONCURRENCY must be at least 1")
        sys.exit(1)


def pre_request(_worker: Any, request: Any) -> None:
    """Check `Host` and the version. Close the connection when a request asks for it.

    Also when its body may stay unread. gunicorn knows `Connection: close` only as the sole option,
    and drops that of an application. It refuses a second `Host` itself.
    """
    host = "absent" if request.version == (1, 0) else ""
    for name, value in request.headers:
        if name == "HOST":
            host = value
        elif (
            name == "TRANSFER-ENCODING"
            or (name == "CONTENT-LENGTH" and int(value) >= MAX_DRAINED_BYTES)
            or (name == "CONNECTION" and "close" in value.lower())
        ):
            request.force_close()
    if not HOST.fullmatch(host):
        raise InvalidHeader("HOST", req=request)
    request.version = min(request.version, (1, 1))  # the response says it too


def post_fork(_server: Any, _worker: Any) -> None:
    """Collect no garbage until the application is loaded: it takes a tenth of the start."""
    gc.disable()


def post_worker_init(worker: Any) -> None:
    """Set up the process of a worker, for speed."""
    collect_less_garbage()
    cache_settings(worker.cfg)


def cache_settings(cfg: Any) -> None:
    """Let gunicorn find its settings as plain attributes: it reads over 20 for each request."""
    vars(cfg).update({name: setting.get() for name, setting in cfg.settings.items()})


def collect_less_garbage() -> None:
    """Keep what a worker has loaded out of garbage collection, and collect less often.

    A request makes thousands of objects but no reference cycle. If an error does leave a cycle, it
    has some 70 objects and may hold a request of 640 KiB. So 5,000 objects hold at most 45 MiB.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000)
    gc.enable()


def when_ready(server: Any) -> None:
    """Set up what gunicorn has no setting for."""
    hold_silent_connections(server)
    shutdown.tell_workers(server)


def on_reload(server: Any) -> None:
    """Set up the listeners again: after a change of the address they are new."""
    hold_silent_connections(server)


def hold_silent_connections(server: Any) -> None:
    """Let the kernel keep a connection until its first byte, for half a minute (on Linux)."""
    for listener in server.LISTENERS:
        if hasattr(socket, "TCP_DEFER_ACCEPT") and listener.sock.family != socket.AF_UNIX:
            listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 30)


def affordable_connections(wanted: int) -> int:
    """Return how many connections a worker may have open, after raising its soft limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted + OTHER_DESCRIPTORS:
        most = wanted + OTHER_DESCRIPTORS
        soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return max(1, soft - OTHER_DESCRIPTORS)
    return wanted


wsgi_app = "todo_api.wsgi:app"  # only workers import it, so that a reload serves new code
limit_request_line = 8190  # bytes, gunicorn's most; parsing.py rejects longer queries
worker_class = "http_server.worker.Worker"  # or "gthread": see http_server/README.md
limit_request_fields = 64  # browsers and proxies send under 40; each may have 8 KiB
worker_connections = affordable_connections(1000)
sendfile = False  # it would not use ClientSocket, which limits how long a client may take
# Twice the pool of todo_api/config.py: while each connection waits, /health still answers.
threads = 20
preload_app = False  # the workers would share the connections opened before they were forked
# Longer than a load balancer keeps an idle connection, or it sends a request into a closed one.
keepalive = 75
control_socket_disable = True
forwarder_headers = ""  # a client's SCRIPT_NAME and PATH_INFO headers are no setting of ours
secure_scheme_headers: dict[str, str] = {}  # no answer depends on the scheme
# Neither of these depends on the client, so gunicorn need not look its address up for each request.
forwarded_allow_ips = "*"
logger_class = "http_server.log.JsonLogger"
