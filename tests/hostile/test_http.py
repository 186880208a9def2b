"""Malformed and ambiguous HTTP over raw sockets: rejected, never parsed as two requests."""

import json
import re
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.support.client import Token
from tests.support.serving import Server, ask
from tests.support.waiting import LIMIT
from todo_api.config import Config
from todo_api.limits import MAX_BODY_BYTES

BODY = b'{"title": "x"}'
HIDDEN = b"GET /api/hidden HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def served(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("hostile") / "log", config.database_url) as server:
        yield server
    lines = server.lines()
    assert not [line for line in lines if line.get("status") == 500]
    assert not [line for line in lines if line["level"] in ("ERROR", "CRITICAL")]


@pytest.fixture
def signed(token: Token, user: str) -> str:
    return token(user)


def exchange(server: Server, request: bytes) -> list[tuple[int, bytes]]:
    """Send bytes and close. Return the status code and the text of each response."""
    received = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT) as connection:
        connection.sendall(request)
        with suppress(OSError):  # the connection may be closed already
            connection.shutdown(socket.SHUT_WR)
        while chunk := connection.recv(65_536):
            received += chunk
    responses = re.split(rb"(?=HTTP/1\.1 \d{3} )", received)[1:]
    return [(int(response[9:12]), response) for response in responses]


def post(token: str, *lines: bytes, body: bytes = b"") -> bytes:
    head = [b"POST /api/tasks HTTP/1.1", b"Host: localhost"]
    head += [f"Authorization: Bearer {token}".encode(), b"Content-Type: application/json"]
    return b"\r\n".join([*head, *lines, b"", body])


def tasks(server: Server, token: str) -> Any:
    connection = server.connect()
    found = ask(connection, "GET", "/api/tasks", token)[1]
    connection.close()
    return found


LENGTH = b"Content-Length: %d" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked"
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        ([LENGTH, CHUNKED], CHUNKS + HIDDEN),
        ([CHUNKED, LENGTH], BODY + HIDDEN),
        ([LENGTH, b"Content-Length: 3"], BODY + HIDDEN),
        ([b"Content-Length: 3, 14"], BODY + HIDDEN),
        ([b"Content-Length: +14"], BODY + HIDDEN),
        ([b"Content-Length: -1"], BODY + HIDDEN),
        ([b"Content-Length: 0x0e"], BODY + HIDDEN),
        ([b"Content-Length: 1_4"], BODY + HIDDEN),
        ([b"Content-Length: "], BODY + HIDDEN),
        ([b"Content-Length : 14"], BODY + HIDDEN),
        ([CHUNKED], CHUNKS + HIDDEN),
        ([CHUNKED], b"zz\r\n" + BODY + HIDDEN),
        ([CHUNKED], b"-1\r\n" + BODY + HIDDEN),
        ([CHUNKED], b"5\r\n" + BODY + b"\r\n0\r\n\r\n" + HIDDEN),
        ([CHUNKED], b"e\n" + BODY + b"\n0\n\n" + HIDDEN),
        ([CHUNKED], b"ffffffffffffffffff\r\n" + BODY + HIDDEN),
        ([CHUNKED, CHUNKED], CHUNKS + HIDDEN),
        ([b"Transfer-Encoding: gzip, chunked"], CHUNKS + HIDDEN),
        ([b"Transfer-Encoding: chunked, identity"], CHUNKS + HIDDEN),
        ([b"Transfer-Encoding: xchunked"], CHUNKS + HIDDEN),
        ([b"Transfer-Encoding:\x0bchunked"], CHUNKS + HIDDEN),
        ([b"Transfer-Encoding : chunked"], CHUNKS + HIDDEN),
        ([LENGTH, b"X-Folded: a\r\n b"], BODY + HIDDEN),
        ([LENGTH, b" Leading: space"], BODY + HIDDEN),
        ([LENGTH, b"Host: evil.example.com"], BODY),
        ([LENGTH, b"X-Bare: a\nTransfer-Encoding: chunked"], BODY + HIDDEN),
        ([LENGTH, b"X-Bare: a\rX: b"], BODY + HIDDEN),
        ([LENGTH, b"X-Nul: a\x00b"], BODY + HIDDEN),
        ([LENGTH, b"No colon"], BODY + HIDDEN),
        ([LENGTH, b": no name"], BODY + HIDDEN),
        ([LENGTH, b"X\xff: y"], BODY + HIDDEN),
        ([LENGTH, b"X-Large: " + b"a" * 9_000], BODY + HIDDEN),
        ([LENGTH, *(b"X-%d: a" % n for n in range(200))], BODY + HIDDEN),
        ([b"Content-Length: " + b"9" * 500], BODY + HIDDEN),
    ],
)
def test_ambiguous_request_gets_at_most_one_response(
    served: Server, signed: str, lines: list[bytes], body: bytes
) -> None:
    responses = exchange(served, post(signed, *lines, body=body))
    assert len(responses) <= 1
    assert all(400 <= status < 500 or status == 501 for status, _ in responses)
    assert tasks(served, signed) == []


@pytest.mark.parametrize("header", [b"Content_Length: 14", b"Transfer_Encoding: chunked"])
def test_header_with_an_underscore_is_rejected(served: Server, signed: str, header: bytes) -> None:
    """A proxy would read this as a request without a body and a second request."""
    responses = exchange(served, post(signed, header, body=BODY + HIDDEN))
    assert [status for status, _ in responses] == [400, 400]
    assert tasks(served, signed) == []


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\x00",
        b"POST",
        b"POST /api/tasks",
        b"POST /api/tasks HTTP/0.9",
        b"POST /api/tasks HTTP/2.0",
        b"POST /api/tasks HTTP/1.1 x",
        b"POST /api/ta\x01sks HTTP/1.1",
        b"POST /api/tasks\xff HTTP/1.1",
        b"PO ST /api/tasks HTTP/1.1",
        b"P\x00ST /api/tasks HTTP/1.1",
        b"post /api/tasks HTTP/1.1",
        b"POST " + b"/" * 9_000 + b" HTTP/1.1",
        b"POST http://[ HTTP/1.1",
        b"POST //evil.example.com/api/tasks HTTP/1.1",
        b"POST api/tasks HTTP/1.1",
        b"POST * HTTP/1.1",
        b"CONNECT localhost:80 HTTP/1.1",
        b"PRI * HTTP/2.0",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_malformed_request_line_is_rejected(served: Server, signed: str, line: bytes) -> None:
    request = post(signed, LENGTH, body=BODY).replace(b"POST /api/tasks HTTP/1.1", line, 1)
    statuses = [status for status, _ in exchange(served, request)]
    assert len(statuses) <= 1
    assert all(400 <= status < 506 and status not in (500, 503) for status in statuses)
    assert tasks(served, signed) == []


def test_pipelined_requests_are_answered_in_order(served: Server, signed: str) -> None:
    one = post(signed, LENGTH, body=BODY)
    last = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    statuses = [status for status, _ in exchange(served, one * 20 + last)]
    assert statuses == [201] * 20 + [200]
    assert len(tasks(served, signed)) == 20


@pytest.mark.parametrize(
    ("size", "expected"),
    [(MAX_BODY_BYTES - 1, 201), (MAX_BODY_BYTES, 201), (MAX_BODY_BYTES + 1, 413)],
)
def test_body_limit_is_exact(served: Server, signed: str, size: int, expected: int) -> None:
    body = BODY + b" " * (size - len(BODY))
    length = b"Content-Length: %d" % size
    ((status, response),) = exchange(served, post(signed, length, b"Connection: close", body=body))
    assert status == expected
    assert len(tasks(served, signed)) == (expected == 201)
    if expected == 413:
        error = json.loads(response.partition(b"\r\n\r\n")[2])
        assert error["error_type"] == "payload_too_large_error"


@pytest.mark.parametrize("sent", [0, 1, len(BODY) - 1])
def test_truncated_body_is_never_accepted(served: Server, signed: str, sent: int) -> None:
    ((status, _),) = exchange(served, post(signed, LENGTH, body=BODY[:sent]))
    assert status == 400
    assert tasks(served, signed) == []


def test_disconnecting_client_leaves_no_partial_write(served: Server, signed: str) -> None:
    for sent in range(0, 300, 7):
        with socket.create_connection(("127.0.0.1", served.port), timeout=LIMIT) as connection:
            connection.sendall(post(signed, LENGTH, body=BODY)[:sent])
    complete = post(signed, LENGTH, body=BODY)
    for _ in range(10):  # fewer than one user may have at once
        with socket.create_connection(("127.0.0.1", served.port), timeout=LIMIT) as connection:
            connection.sendall(complete)
    found = tasks(served, signed)
    assert len(found) <= 10
    assert all(task["title"] == "x" for task in found)


@pytest.mark.parametrize("sent", [0, 1, len(BODY) - 1])
def test_reset_by_the_client_is_no_server_error(served: Server, signed: str, sent: int) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=LIMIT) as connection:
        connection.sendall(post(signed, LENGTH, body=BODY[:sent]))
        time.sleep(0.1)  # until the service waits for the rest
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert tasks(served, signed) == []  # `served` checks the log


def test_expect_100_continue_is_honoured(served: Server, signed: str) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=LIMIT) as connection:
        connection.sendall(post(signed, LENGTH, b"Expect: 100-continue", b"Connection: close"))
        assert connection.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 201 ")
