"""Ends waits for PostgreSQL that nothing else ends.

The server ends a slow statement and TCP notices a dead peer, but libpq waits without limit for one
that acknowledges and says nothing: a stalled proxy, a frozen server. Shutting the socket down from
another thread ends the wait at once, with an OperationalError.
"""

import functools
import os
import socket
import threading
from contextlib import suppress
from time import monotonic, sleep
from typing import Any
from weakref import WeakKeyDictionary

import psycopg2

INTERVAL = 0.5  # seconds

deadlines: dict[Any, float] = {}  # of the psycopg2 connections that wait for a response
inodes: WeakKeyDictionary[Any, int] = WeakKeyDictionary()  # of the connections' sockets
lock = threading.Lock()  # while held, every registered connection is in use or closed


def expect_response(connection: Any, seconds: float) -> None:
    """Shut ``connection`` down unless `received` is called within ``seconds``."""
    watch_in_background()
    if connection not in inodes:
        inodes[connection] = os.fstat(connection.fileno()).st_ino
    with lock:
        deadlines[connection] = monotonic() + seconds


def received(connection: Any) -> None:
    with lock:
        deadlines.pop(connection, None)


@functools.cache
def watch_in_background() -> None:
    descriptors = [os.open(os.devnull, os.O_RDONLY) for _ in range(2)]
    threading.Thread(target=watch, args=descriptors, name="watchdog", daemon=True).start()


def watch(nothing: int, spare: int) -> None:
    while True:
        sleep(INTERVAL)
        with lock:
            for connection, deadline in list(deadlines.items()):
                if deadline < monotonic():
                    with suppress(OSError):  # tried again in the next round
                        shut_down_socket(connection, spare)
                        del deadlines[connection]
                    os.dup2(nothing, spare)


def shut_down_socket(connection: Any, spare: int) -> None:
    """End every wait on the connection's socket. Raise OSError where it is still open after that.

    libpq may close it at any moment, and another connection get its descriptor. So the descriptor
    is copied to ``spare`` and checked there. This takes none: the process may have none left.
    """
    with suppress(psycopg2.InterfaceError):  # closed
        os.dup2(connection.fileno(), spare)
        if os.fstat(spare).st_ino == inodes[connection]:
            borrowed = socket.socket(fileno=spare)
            try:
                borrowed.shutdown(socket.SHUT_RDWR)
            finally:
                borrowed.detach()
