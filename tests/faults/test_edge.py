"""How long strangers can keep a worker from the others: the figures that SECURITY.md states."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import sqlalchemy as sa

from config import Config
from tests.conftest import Token
from tests.serving import Server
from tests.strangers import (
    BUNDLE,
    get,
    keep_asking,
    open_socket,
    read_slowly,
    seconds_of_health,
    silent_readers,
)

READER = 8 * 1024  # bytes a second


@pytest.fixture(scope="module")
def served(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("edge") / "log", config.database_url) as server:
        yield server
    assert not [line for line in server.lines() if line["level"] in ("ERROR", "CRITICAL")]


@pytest.fixture
def signed(config: Config, user: str, token: Token) -> str:
    """The token of a user with a page of 4 MB."""
    engine = sa.create_engine(config.database_url.replace("postgresql:", "postgresql+psycopg2:"))
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO tasks (user_id, title, description)"
                " SELECT :user, 'x', repeat('x', 10000) FROM generate_series(1, 400)"
            ),
            {"user": user},
        )
    engine.dispose()
    return token(user)


@pytest.fixture(params=["asset", "page"])
def request_of(request: pytest.FixtureRequest, signed: str) -> bytes:
    if request.param == "asset":
        return BUNDLE
    return get("/api/tasks?limit=500", f"Authorization: Bearer {signed}")


@pytest.mark.parametrize(("clients", "most"), [(24, 25), (100, 60)])
def test_silent_readers_are_given_up(
    served: Server, request_of: bytes, clients: int, most: int
) -> None:
    with silent_readers(served, clients, request_of):
        seconds = seconds_of_health(served)
    print(f"{clients} silent: {seconds:.1f} s")  # noqa: T201 the figure
    assert seconds < most


def test_slow_but_steady_reader_gets_its_page_beside_silent_ones(
    served: Server, signed: str, request_of: bytes
) -> None:
    page = get("/api/tasks?limit=30", f"Authorization: Bearer {signed}", "Connection: close")
    with open_socket(served, 4096) as connection, silent_readers(served, 24, request_of):
        connection.sendall(page)
        connection.settimeout(60)
        assert read_slowly(connection, 10_000_000, READER) > 300_000


def test_slow_but_steady_reader_of_a_large_page_is_not_given_up(
    served: Server, signed: str
) -> None:
    page = get("/api/tasks?limit=400", f"Authorization: Bearer {signed}")
    with ExitStack() as held, ThreadPoolExecutor(3) as clients:
        readers = []
        for buffer in (4096, 65_536, 0):
            connection = held.enter_context(open_socket(served, buffer))
            connection.sendall(page)
            readers.append(clients.submit(read_slowly, connection, 60 * READER, READER))
        assert [reader.result() for reader in readers] == [60 * READER] * 3


@pytest.mark.parametrize("rate", [14, 60])
@pytest.mark.parametrize(
    "request_",
    [
        get("/health", "Connection: close"),
        get("/health", "Connection: close") + b"GET",
        get("/health", "Content-Length: 10", "Connection: close"),
        get("/health", "Transfer-Encoding: chunked"),
        get("/health", "Content-Length: 9999999"),
        b"nonsense\r\n\r\n",
    ],
    ids=["read", "more", "short", "411", "413", "400"],
)
def test_clients_that_keep_their_end_open_hold_up_nobody(
    served: Server, request_: bytes, rate: int
) -> None:
    with keep_asking(served, request_, rate):
        slowest = 0.0
        for _ in range(20):
            slowest = max(slowest, seconds_of_health(served))
            time.sleep(1)
    print(f"{rate} a second: {slowest:.2f} s")  # noqa: T201 the figure
    assert slowest < 1


def test_connections_that_never_send_anything_hold_up_nobody(served: Server) -> None:
    """The kernel gives them to the worker after half a minute: more than it may have open."""
    with ExitStack() as held:
        for _ in range(1100):
            held.enter_context(open_socket(served))
        slowest = 0.0
        for _ in range(70):
            slowest = max(slowest, seconds_of_health(served))
            time.sleep(1)
    print(f"1100 silent: {slowest:.2f} s")  # noqa: T201 the figure
    assert slowest < 2
