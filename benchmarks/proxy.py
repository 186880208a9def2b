"""A way to PostgreSQL that counts round trips and takes as long as a network would."""

import asyncio
import threading
from typing import cast

import sqlalchemy as sa


class Proxy:
    """Forwards to the server of a URL, from a thread of its own; ``url`` is the way through it.

    ``delay`` is the time of a round trip in seconds. ``round_trips`` is how often a client sent
    something after it had been answered, start-ups included.
    """

    def __init__(self, target: str, delay: float = 0) -> None:
        self.target = sa.make_url(target)
        self.delay = delay
        self.round_trips = 0
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        listening = self.loop.create_server(lambda: End(self), "127.0.0.1", 0)
        server = asyncio.run_coroutine_threadsafe(listening, self.loop).result()
        host, port = server.sockets[0].getsockname()
        way = self.target.set(host=host, port=port, query={})
        self.url = way.render_as_string(hide_password=False)

    async def connect(self, client: "End") -> None:
        folder = self.target.query.get("host")
        port = self.target.port or 5432
        end = End(self, client)
        if isinstance(folder, str):
            await self.loop.create_unix_connection(lambda: end, f"{folder}/.s.PGSQL.{port}")
        else:
            await self.loop.create_connection(lambda: end, self.target.host or "localhost", port)
        client.meet(end)


class End(asyncio.Protocol):
    """One end of a connection through the proxy; the client's has no ``other`` at first."""

    def __init__(self, proxy: Proxy, other: "End | None" = None) -> None:
        self.proxy = proxy
        self.other = other
        self.is_client = other is None
        self.answered = True
        self.early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        if self.is_client:
            self.connecting = self.proxy.loop.create_task(self.proxy.connect(self))

    def meet(self, other: "End") -> None:
        self.other = other
        for data in self.early:
            self.pass_on(data, other)

    def data_received(self, data: bytes) -> None:
        if self.is_client and self.answered:
            self.proxy.round_trips += 1
            self.answered = False
        if self.other is None:
            self.early.append(data)
        else:
            self.pass_on(data, self.other)

    def pass_on(self, data: bytes, other: "End") -> None:
        # All of it on the way there: timers are rounded up to a millisecond.
        delay = self.proxy.delay if self.is_client else 0
        self.proxy.loop.call_later(delay, other.take, data)

    def take(self, data: bytes) -> None:
        self.answered = True
        self.transport.write(data)

    def connection_lost(self, _: Exception | None) -> None:
        if self.other is not None:
            self.proxy.loop.call_later(self.proxy.delay, self.other.transport.close)
