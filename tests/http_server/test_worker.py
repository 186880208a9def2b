"""The server uses only what gunicorn still has, and does not depend on the application."""

import inspect
import sys
from collections.abc import Callable
from typing import Any

import gunicorn
import pytest
from gunicorn import util
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.http.body import LengthReader
from gunicorn.http.message import Request
from gunicorn.http.parser import Parser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

from tests import ROOT
from tests.support.processes import run


def test_gunicorn_is_the_version_that_the_worker_was_checked_on() -> None:
    assert gunicorn.__version__ == "27.0.1"


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (ThreadWorker.accept, ["self", "listener"]),
        (ThreadWorker.enqueue_req, ["self", "conn"]),
        (ThreadWorker.handle, ["self", "conn"]),
        (ThreadWorker.handle_request, ["self", "req", "conn"]),
        (ThreadWorker.finish_request, ["self", "conn", "fs"]),
        (ThreadWorker.murder_pending, ["self"]),
        (ThreadWorker.is_parent_alive, ["self"]),
        (ThreadWorker.load_wsgi, ["self"]),
        (ThreadWorker.set_accept_enabled, ["self", "enabled"]),
        (ThreadWorker.wait_for_and_dispatch_events, ["self", "timeout"]),
        (ThreadWorker.murder_keepalived, ["self", "force"]),
        (TConn, ["cfg", "sock", "client", "server"]),
        (TConn.wait_for_data, ["self", "timeout"]),
        (TConn.init, ["self"]),
        (TConn.close, ["self", "graceful"]),
        (ThreadWorker.handle_error, ["self", "req", "client", "addr", "exc"]),
        (LengthReader, ["unreader", "length"]),
        (Logger.setup, ["self", "cfg"]),
        (Logger.warning, ["self", "msg", "args", "kwargs"]),
        (Logger.error, ["self", "msg", "args", "kwargs"]),
        (Logger.exception, ["self", "msg", "args", "kwargs"]),
    ],
)
def test_method_has_the_expected_parameters(
    method: Callable[..., Any], parameters: list[str]
) -> None:
    assert list(inspect.signature(method).parameters) == parameters


@pytest.mark.parametrize(
    ("part", "used"),
    [
        (ThreadWorker.run, "can_accept = self.nr_conns < self.worker_connections"),
        (
            ThreadWorker.run,
            "existing connections\n        self.set_accept_enabled(False)",
        ),
        (ThreadWorker.run, "if not self.is_parent_alive():\n                break"),
        (ThreadWorker.load_wsgi, "self.wsgi = self.app.wsgi()"),
        (Arbiter.stop, "self.reexec_pid == self.master_pid == 0\n            and not self.systemd"),
        (Arbiter.start, "sock.create_sockets(self.cfg, self.log, fds)"),
        (ThreadWorker.run, "self.murder_keepalived()\n            self.murder_pending()"),
        (ThreadWorker.accept, "self.nr_conns += 1"),
        (ThreadWorker.accept, "self.enqueue_req(conn)"),
        (ThreadWorker.finish_request, "self.nr_conns -= 1"),
        (ThreadWorker.finish_request, "self.pending_conns.append(conn)"),
        (ThreadWorker.finish_request, "self.poller.register(conn.sock"),
        (ThreadWorker.handle, "conn.wait_for_data("),
        (ThreadWorker.handle, "self.handle_request(req, conn)"),
        (ThreadWorker.handle, "return _DEFER"),
        (ThreadWorker.handle_request, "wsgi.create(req, conn.sock,"),
        (ThreadWorker.handle_request, "len(self.keepalived_conns) >= self.max_keepalived"),
        (ThreadWorker.finish_request, "if result is _DEFER and self.alive"),
        (Parser.finish_body, "timeoutable_sock.settimeout(prior_timeout)"),
        (SocketUnreader.read, "ret = self.buf.getvalue()"),
        (LengthReader.read, "self.length -= size"),
        (SocketUnreader.chunk, "self.sock.recv(size)"),
        (util.write, "sock.sendall(data)"),
        (util.write_error, "write_nonblock(sock, http.encode('latin1'))"),
        (util.write_nonblock, "if timeout != 0.0:"),
        (Request.read_line, "data = bytes(buf)"),
    ],
)
def test_gunicorn_still_does_what_the_worker_relies_on(part: Callable[..., Any], used: str) -> None:
    assert used in inspect.getsource(part)


def test_server_does_not_load_the_application() -> None:
    """gunicorn's arbiter imports it; workers must load new code after SIGHUP."""
    names = ", ".join(f"http_server.{file.stem}" for file in (ROOT / "http_server").glob("*.py"))
    program = f"import sys, {names}; print({{'flask', 'todo_api'}} & set(sys.modules))"
    found = run([sys.executable, "-c", program], cwd=ROOT)
    assert found.stdout == "set()\n"


def test_application_does_not_know_the_server() -> None:
    modules = {file.name: file.read_text() for file in ROOT.glob("todo_api/**/*.py")}
    assert "health.py" in modules
    assert [name for name, text in modules.items() if "http_server" in text] == []


STOPPED_WHILE_IT_STARTS = """
import os, signal
from types import SimpleNamespace
from http_server import shutdown
signal.signal(signal.SIGTERM, lambda *_: None)
ids = {"pid": os.getpid(), "reexec_pid": 0, "master_pid": 0}
shutdown.tell_workers(SimpleNamespace(systemd=False, address=[], **ids))
child = os.fork()
if not child:
    os.kill(os.getpid(), signal.SIGTERM)
else:
    os.waitpid(child, 0)
    print(shutdown.stopping[0])
    os.kill(os.getpid(), signal.SIGTERM)
    print(shutdown.stopping[0])
"""


def test_reload_that_meets_a_starting_worker_does_not_stop_the_instance() -> None:
    ran = run([sys.executable, "-c", STOPPED_WHILE_IT_STARTS], cwd=ROOT)
    assert ran.stdout.split() == ["0", "2"], ran.stderr
