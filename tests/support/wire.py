"""A proxy in front of PostgreSQL that writes down what clients send, and can go silent."""

import socket
import struct
import threading
from contextlib import suppress

import sqlalchemy as sa


class Proxy:
    """Forwards to the server of a URL while a `with` lasts.

    ``url`` is the way through it. ``messages`` are what clients sent after their start-up, a type
    and a text each. While ``flowing`` is cleared it takes what it is sent and passes nothing on;
    while ``asking`` is, it passes on start-ups and no statement.
    """

    def __init__(self, target: str, listener: socket.socket | None = None) -> None:
        self.target = sa.make_url(target)
        self.messages: list[tuple[str, str]] = []
        self.flowing = threading.Event()
        self.flowing.set()
        self.asking = threading.Event()
        self.asking.set()
        self.clients: list[socket.socket] = []
        self.listener = listener or socket.create_server(("127.0.0.1", 0))
        address = dict(zip(("host", "port"), self.listener.getsockname(), strict=True))
        plain = {"sslmode": "disable", "gssencmode": "disable"}
        self.url = self.target.set(**address, query=plain).render_as_string(hide_password=False)

    def __enter__(self) -> "Proxy":
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.flowing.set()
        self.asking.set()
        self.listener.shutdown(socket.SHUT_RDWR)  # close() alone leaves accept() waiting
        self.listener.close()

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.clients.append(client)
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client: socket.socket) -> None:
        with client, suppress(OSError, struct.error), self.connect() as server:
            threading.Thread(target=self.response, args=(server, client), daemon=True).start()
            try:
                self.forward(client, server)
            finally:
                server.shutdown(socket.SHUT_RDWR)

    def connect(self) -> socket.socket:
        folder = self.target.query.get("host")
        port = self.target.port or 5432
        if not isinstance(folder, str):
            return socket.create_connection((self.target.host or "localhost", port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{folder}/.s.PGSQL.{port}")
        return server

    def forward(self, client: socket.socket, server: socket.socket) -> None:
        """Pass on a start-up, which has no type, then messages of a type and a length each."""
        with client.makefile("rb") as stream:
            (length,) = struct.unpack(">i", start := stream.read(4))
            self.pass_on(server, start + stream.read(length - 4))
            while header := stream.read(5):
                kind, length = struct.unpack(">ci", header)
                body = stream.read(length - 4)
                self.messages.append((kind.decode(), body.rstrip(b"\0").decode()))
                if kind == b"Q":
                    self.asking.wait()
                self.pass_on(server, header + body)

    def response(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while received := server.recv(65_536):
                self.pass_on(client, received)
            client.shutdown(socket.SHUT_RDWR)

    def pass_on(self, to: socket.socket, data: bytes) -> None:
        self.flowing.wait()
        to.sendall(data)
