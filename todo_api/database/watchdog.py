"""Ends waits for PostgreSQL that nothing else ends.

The server ends a slow statement and TCP notices a dead peer, but libpq waits without limit for one
that acknowledges and says nothing: a stalled proxy, a frozen server. Shutting the socket down from
another thread ends the wait at once, with an OperationalError.
"""

import functools
import socket
import threading
from contextlib import suppress
from time import monotonic, sleep
from typing import Any

import psycopg2

INTERVAL = 0.5  # seconds

deadlines: dict[Any, float] = {}  # of the psycopg2 connections that wait for a response
lock = threading.Lock()  # while held, every registered connection is in use or closed


def expect_response(connection: Any, seconds: float) -> None:
    """Shut ``connection`` down unless `received` is called within ``seconds``."""
    watch_in_background()
    with lock:
        deadlines[connection] = monotonic() + seconds


def received(connection: Any) -> None:
    with lock:
        deadlines.pop(connection, None)


@functools.cache
def watch_in_background() -> None:
    threading.Thread(target=watch, name="watchdog", daemon=True).start()


def watch() -> None:
    while True:
        sleep(INTERVAL)
        with lock:
            for connection, deadline in list(deadlines.items()):
                if deadline < monotonic():
                    with suppress(OSError):  # tried again in the next round
                        shut_down_socket(connection)
                        del deadlines[connection]


def shut_down_socket(connection: Any) -> None:
    """End every wait on the connection's socket. Raise OSError where it is still open after that.

    It borrows psycopg2's descriptor: it cannot be duplicated while the process has none left.
    """
    with suppress(psycopg2.InterfaceError, ValueError):  # closed: by psycopg2, or by libpq (-1)
        borrowed = socket.socket(fileno=connection.fileno())
        try:
            borrowed.shutdown(socket.SHUT_RDWR)
        finally:
            borrowed.detach()
