"""A proxy in front of PostgreSQL that writes down what a client sends it."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

Connect = Callable[[], socket.socket]


class Recorder:
    """The messages that came after the start-up of each connection: their type and their text."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []

    def statements(self) -> list[str]:
        return [text for kind, text in self.messages if kind == "Q"]


@contextmanager
def recorded(url: str) -> Iterator[tuple[str, Recorder]]:
    """Give the URL of a proxy to the server of ``url``, and what went through it."""
    target = sa.make_url(url)
    recorder = Recorder()
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(
        target=accept, args=(listener, connector(target), recorder), daemon=True
    ).start()
    proxied = target.set(
        host="127.0.0.1",
        port=listener.getsockname()[1],
        query={"sslmode": "disable", "gssencmode": "disable"},
    )
    try:
        yield proxied.render_as_string(hide_password=False), recorder
    finally:
        listener.close()


def connector(target: sa.URL) -> Connect:
    folder = target.query.get("host")
    if isinstance(folder, str):
        return lambda: connect_unix(f"{folder}/.s.PGSQL.{target.port or 5432}")
    return lambda: socket.create_connection((target.host or "localhost", target.port or 5432))


def connect_unix(path: str) -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    server.connect(path)
    return server


def accept(listener: socket.socket, connect: Connect, recorder: Recorder) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        server = connect()
        threading.Thread(target=record, args=(client, server, recorder), daemon=True).start()
        threading.Thread(target=forward, args=(server, client), daemon=True).start()


def record(client: socket.socket, server: socket.socket, recorder: Recorder) -> None:
    """Forward one client's messages: a start-up without a type, then a type and a length each."""
    with client.makefile("rb") as stream, server:
        (length,) = struct.unpack(">i", start := stream.read(4))
        server.sendall(start + stream.read(length - 4))
        while header := stream.read(5):
            kind, length = struct.unpack(">ci", header)
            body = stream.read(length - 4)
            recorder.messages.append((kind.decode(), body.rstrip(b"\0").decode()))
            server.sendall(header + body)


def forward(source: socket.socket, target: socket.socket) -> None:
    with target:
        while received := source.recv(65_536):
            target.sendall(received)
