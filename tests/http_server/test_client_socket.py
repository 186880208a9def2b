"""A slow client is disconnected. One that reads or sends steadily is not."""

import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from http_server.client_socket import LEAST_RATE, PATIENCE, ClientSocket, wait
from tests.support.waiting import LIMIT


@pytest.fixture
def pair() -> Iterator[tuple[ClientSocket, socket.socket]]:
    """The server's end and the client's end of a connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        client.connect(listener.getsockname())
        accepted, _ = listener.accept()
    with ClientSocket(fileno=accepted.detach()) as server, client:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        yield server, client


def test_silent_reader_is_disconnected(pair: tuple[ClientSocket, socket.socket]) -> None:
    server, _ = pair
    server.seconds_to_take = 0.3
    with pytest.raises(TimeoutError, match="reads too slowly"):
        server.sendall(b"x" * 50_000_000)
    assert server.is_too_slow()


def test_silent_sender_is_disconnected(pair: tuple[ClientSocket, socket.socket]) -> None:
    server, _ = pair
    server.seconds_to_send = 0.2
    with pytest.raises(TimeoutError, match="sends too slowly"):
        server.recv(10)


def test_bytes_that_come_while_it_waits_are_received(
    pair: tuple[ClientSocket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, client = pair

    def send_late(*waiting: Any) -> bool:
        client.sendall(b"late")
        return wait(*waiting)

    monkeypatch.setattr("http_server.client_socket.wait", send_late)
    assert server.recv(10) == b"late"


def test_new_request_has_its_whole_time(pair: tuple[ClientSocket, socket.socket]) -> None:
    server, _ = pair
    server.seconds_to_send = 0.0
    server.expect_request()
    assert server.seconds_to_send == PATIENCE


def test_bytes_that_come_give_time_back(pair: tuple[ClientSocket, socket.socket]) -> None:
    server, client = pair
    server.seconds_to_send = 1.0
    client.sendall(b"x" * LEAST_RATE)
    time.sleep(0.1)
    assert len(server.recv(LEAST_RATE)) == LEAST_RATE
    assert server.seconds_to_send == pytest.approx(2.0, abs=0.1)


def test_reader_that_takes_its_bytes_later_gets_all(
    pair: tuple[ClientSocket, socket.socket],
) -> None:
    server, client = pair
    size = 2_000_000
    server.seconds_to_take = PATIENCE * 3 / 4
    with ThreadPoolExecutor(1) as threads:
        sending = threads.submit(server.sendall, b"x" * size)
        time.sleep(0.5)
        received = 0
        while received < size:
            received += len(client.recv(100_000))
        sending.result(LIMIT)
    assert server.seconds_to_take > PATIENCE * 3 / 4


def test_send_sends_all(pair: tuple[ClientSocket, socket.socket]) -> None:
    server, client = pair
    assert server.send(b"abc") == 3
    assert client.recv(10) == b"abc"


def test_timeout_is_remembered_without_a_system_call(
    pair: tuple[ClientSocket, socket.socket],
) -> None:
    server, _ = pair
    for seconds in (0.0, 1.0, None):
        server.settimeout(seconds)
        assert server.gettimeout() == seconds
        assert os.get_blocking(server.fileno())


def test_socket_that_does_not_block_never_waits(pair: tuple[ClientSocket, socket.socket]) -> None:
    server, _ = pair
    server.setblocking(False)
    with pytest.raises(BlockingIOError):
        server.recv(10)


def test_wait_ends_with_the_timeout_of_the_socket(
    pair: tuple[ClientSocket, socket.socket],
) -> None:
    server, _ = pair
    server.settimeout(0.1)
    with pytest.raises(TimeoutError, match="too slowly"):
        server.recv(10)
    assert server.seconds_to_send > PATIENCE / 2
