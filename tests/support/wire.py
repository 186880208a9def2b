"""A proxy in front of PostgreSQL. It records what clients send, adds latency, and can go silent."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import sqlalchemy as sa

ENCRYPTION_REQUESTS = (80877103, 80877104)  # SSLRequest and GSSENCRequest


class Proxy:
    """Forwards to the server of a URL while a `with` lasts.

    ``url`` leads through the proxy. ``delay`` is the time of a round trip in seconds.
    ``messages`` are the messages of clients after their startup: a type and a text each. Clear
    ``flowing`` to forward nothing, or ``asking`` to forward startups but no statement.
    """

    def __init__(
        self, target: str, listener: socket.socket | None = None, *, delay: float = 0
    ) -> None:
        self.target = sa.make_url(target)
        self.delay = delay
        self.messages: list[tuple[str, str]] = []
        self.flowing = threading.Event()
        self.flowing.set()
        self.asking = threading.Event()
        self.asking.set()
        self.clients: list[socket.socket] = []
        self.links: list[Link] = []
        self.listener = listener or socket.create_server(("127.0.0.1", 0))
        host, port = self.listener.getsockname()
        proxied = self.target.set(host=host, port=port, query={})
        self.url = proxied.render_as_string(hide_password=False)

    @property
    def round_trips(self) -> int:
        """How often a client sent something after a response, startups included."""
        return sum(link.round_trips for link in self.links)

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
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = Link(self, client)
            self.clients.append(client)
            self.links.append(link)
            threading.Thread(target=link.serve, daemon=True).start()

    def connect(self) -> socket.socket:
        folder = self.target.query.get("host")
        port = self.target.port or 5432
        if not isinstance(folder, str):
            server = socket.create_connection((self.target.host or "localhost", port))
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return server
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{folder}/.s.PGSQL.{port}")
        return server


class Link:
    """One connection of a client through the proxy."""

    def __init__(self, proxy: Proxy, client: socket.socket) -> None:
        self.proxy = proxy
        self.client = client
        self.round_trips = 0
        self.has_response = True

    def serve(self) -> None:
        with self.client, suppress(OSError), self.proxy.connect() as server:
            threading.Thread(target=self.forward_responses, args=(server,), daemon=True).start()
            try:
                self.forward_requests(server)
            finally:
                server.shutdown(socket.SHUT_RDWR)

    def forward_requests(self, server: socket.socket) -> None:
        """Forward whole messages, as many at once as came at once."""
        received = b""
        is_started = False
        while chunk := self.client.recv(65_536):
            if self.has_response:
                self.round_trips += 1
                self.has_response = False
            received += chunk
            if not is_started:
                received, is_started = self.forward_startup(server, received)
            if is_started:
                received = self.forward_messages(server, received)

    def forward_startup(self, server: socket.socket, received: bytes) -> tuple[bytes, bool]:
        """Refuse encryption, forward a startup. Return the rest, and whether there was one."""
        while len(received) >= 8:
            length, code = struct.unpack_from(">ii", received)
            if code in ENCRYPTION_REQUESTS:
                self.proxy.flowing.wait()
                self.has_response = True
                self.client.sendall(b"N")
                received = received[length:]
            elif len(received) < length:
                break
            else:
                self.send(server, received[:length])
                return received[length:], True
        return received, False

    def forward_messages(self, server: socket.socket, received: bytes) -> bytes:
        """Forward the whole messages of what was received. Return the rest."""
        end = 0
        for kind, body in messages(received):
            end += 5 + len(body)
            self.proxy.messages.append((kind, body.rstrip(b"\0").decode(errors="replace")))
            if kind == "Q":
                self.proxy.asking.wait()
        if end:
            self.send(server, received[:end])
        return received[end:]

    def send(self, server: socket.socket, data: bytes) -> None:
        if self.proxy.delay:
            time.sleep(self.proxy.delay)
        self.proxy.flowing.wait()
        server.sendall(data)

    def forward_responses(self, server: socket.socket) -> None:
        with suppress(OSError):
            while received := server.recv(65_536):
                self.proxy.flowing.wait()
                self.has_response = True
                self.client.sendall(received)
            self.client.shutdown(socket.SHUT_RDWR)


def messages(received: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the type and the body of each whole message."""
    while len(received) >= 5:
        kind, length = struct.unpack_from(">ci", received)
        if len(received) <= length:
            return
        yield kind.decode(), received[5 : length + 1]
        received = received[length + 1 :]
