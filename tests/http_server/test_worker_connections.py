"""What the worker does with connections that nobody waits for, and with a listener's errors."""

import selectors
import socket
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from time import monotonic

import pytest
from gunicorn.config import Config as GunicornConfig
from gunicorn.workers.gthread import ThreadWorker

from http_server.log import JsonLogger
from http_server.worker import Connection, Worker


@pytest.fixture
def worker() -> Iterator[Worker]:
    """The part of a worker that counts connections, without its process."""
    worker = object.__new__(Worker)
    worker.nr_conns, worker.crowded = 0, False
    worker.pending_conns, worker.keepalived_conns, worker.lingering = deque(), deque(), deque()
    with selectors.DefaultSelector() as worker.poller:
        yield worker


def test_connection_that_is_gone_before_it_is_accepted_is_ignored(worker: Worker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        worker.accept(listener)
    assert worker.nr_conns == 0


def test_other_error_of_a_listener_ends_the_worker(worker: Worker) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        worker.accept(listener)


def test_worker_stops_when_its_arbiter_is_gone(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.alive = True
    monkeypatch.setattr(ThreadWorker, "is_parent_alive", lambda _: False)
    assert not worker.is_parent_alive()
    assert not worker.alive


def idle_connection(worker: Worker, held: ExitStack) -> Connection:
    ours, theirs = socket.socketpair()
    held.enter_context(ours)
    held.enter_context(theirs)
    idle = Connection(None, ours, None, None)
    idle.timeout = monotonic() + 60
    worker.poller.register(ours, selectors.EVENT_READ)
    worker.nr_conns += 1
    return idle


def test_time_for_a_head_ends_with_its_request(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ThreadWorker, "handle_request", lambda *_: True)
    with ExitStack() as held:
        slow = idle_connection(worker, held)
        slow.head_due = monotonic() - 1
        assert slow.is_late()
        worker.handle_request(None, slow)
        assert not slow.is_late()


@pytest.mark.parametrize(("room", "left"), [(2, 1), (1, 0)])
def test_silent_connection_is_closed_when_there_is_no_room(
    worker: Worker, room: int, left: int
) -> None:
    with ExitStack() as held:
        worker.pending_conns.append(idle_connection(worker, held))
        worker.worker_connections, worker.max_keepalived = room, room
        worker.murder_pending()
    assert (worker.nr_conns, len(worker.pending_conns)) == (left, left)


@pytest.mark.parametrize(("crowded", "left"), [(False, 2), (True, 0)])
def test_oldest_idle_connections_are_closed_when_there_is_no_room(
    worker: Worker, crowded: bool, left: int
) -> None:
    with ExitStack() as held:
        idle = [idle_connection(worker, held) for _ in range(4)]
        worker.keepalived_conns.extend(idle)
        worker.worker_connections, worker.max_keepalived, worker.crowded = 4, 2, crowded
        worker.murder_pending()
        assert list(worker.keepalived_conns) == idle[4 - left :]
    assert worker.nr_conns == left


@pytest.mark.parametrize(("age", "left"), [(0, 1), (61, 0)])
def test_client_that_keeps_its_end_open_is_closed_in_time(
    worker: Worker, age: int, left: int
) -> None:
    with ExitStack() as held:
        half_closed = idle_connection(worker, held)
        half_closed.timeout -= age
        worker.lingering.append(half_closed)
        worker.worker_connections = 2
        worker.murder_pending()
    assert (worker.nr_conns, len(worker.lingering)) == (left, left)


def test_slow_client_is_not_logged_as_a_failure(capfd: pytest.CaptureFixture[str]) -> None:
    logger = JsonLogger(GunicornConfig())
    for error in (TimeoutError("slow"), ValueError("private")):
        try:
            raise error
        except (TimeoutError, ValueError):
            logger.exception("Error handling request %s %s", "GET", "/api/tasks?q=private")
    written = capfd.readouterr().err
    try:
        raise ImportError("no module")
    except ImportError:
        logger.exception("Exception in worker process")
    assert "ImportError: no module" in capfd.readouterr().err
    assert "in test_slow_client" in written
    assert "private" not in written
    assert "TimeoutError" not in written
    assert "ValueError" in written


def test_half_closed_connection_that_fails_is_closed(worker: Worker) -> None:
    with ExitStack() as held:
        failing = idle_connection(worker, held)
        failing.sock.setblocking(False)  # nothing to read is an OSError, as a reset is
        worker.lingering.append(failing)
        worker.discard(failing, None)
    assert (worker.nr_conns, len(worker.lingering)) == (0, 0)
