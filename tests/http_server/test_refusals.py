"""Requests that gunicorn refuses, or would accept: as RFC 9112 says, and with the usual error."""

import json
import re
import runpy
from collections.abc import Iterator

import pytest

from http_server.refusal import REFUSALS
from tests import ROOT
from tests.support.client import Token
from tests.support.processes import measured
from tests.support.raw_http import exchange, head
from tests.support.serving import Server
from todo_api.config import Config
from todo_api.errors import ERRORS

CLOSE = b"Connection: close\r\n\r\n"
REFUSED = [
    ("{} /health HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, ERRORS[400].name),
    ("{} /health HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400, ERRORS[400].name),
    ("{} /health HTTP/1.1\r\nHost: x\r\nA B: c\r\n\r\n", 400, ERRORS[400].name),
    ("{} /health HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400, ERRORS[400].name),
    ("{} /health HTTP/1.1\r\nHost: x\r\nA: a\nb: c\r\n\r\n", 400, ERRORS[400].name),
    ("{} /health HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 2\r\n\r\n", 400, ERRORS[400].name),
    ("{} /he\x01alth HTTP/1.1\r\nHost: x\r\n\r\n", 400, ERRORS[400].name),
    ("{} /health HTTP/3.0\r\nHost: x\r\n\r\n", 400, ERRORS[400].name),
    ("{} /health HTTP/1.1 x\r\n\r\n", 400, ERRORS[400].name),
    ("{} /health\nHost: x\r\n\r\n", 400, ERRORS[400].name),
    ("{} /" + "x" * 9_000 + " HTTP/1.1\r\nHost: x\r\n\r\n", 414, "uri_too_long_error"),
    (
        "{} /health HTTP/1.1\r\nHost: x\r\nExpect: a miracle\r\n\r\n",
        417,
        "expectation_failed_error",
    ),
    (
        "{} /health HTTP/1.1\r\nHost: x\r\nA: " + "x" * 9_000 + "\r\n\r\n",
        431,
        "request_header_fields_too_large_error",
    ),
    (
        "{} /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: x\r\n\r\n",
        501,
        "not_implemented_error",
    ),
]


@pytest.fixture(scope="module")
def served(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("refusals") / "log"
    with Server(log, config.database_url, **measured()) as server:
        yield server
    assert not [line for line in server.lines() if line["level"] in ("ERROR", "CRITICAL")]


@pytest.mark.parametrize(("request_", "status", "error_type"), REFUSED)
def test_refusal_has_the_body_and_the_headers_of_every_error(
    served: Server, request_: str, status: int, error_type: str
) -> None:
    found, headers, body = exchange(served, request_.format("GET").encode())
    error = json.loads(body)
    assert (found, error["status_code"], error["error_type"]) == (status, status, error_type)
    assert error["detail"].endswith(".")
    assert_sent_in_full(headers, len(body))


@pytest.mark.parametrize(("request_", "status"), [refused[:2] for refused in REFUSED])
def test_refusal_of_a_head_request_has_no_body(served: Server, request_: str, status: int) -> None:
    found, headers, body = exchange(served, request_.format("HEAD").encode())
    assert (found, body) == (status, b"")
    assert_sent_in_full(headers, len(exchange(served, request_.format("GET").encode())[2]))


def assert_sent_in_full(headers: str, length: int) -> None:
    for line in (
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {length}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
    ):
        assert f"\r\n{line}" in headers
    assert re.search(r"\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n", headers)


def test_refusal_after_another_request_on_the_connection_is_of_its_own_method(
    served: Server,
) -> None:
    first = b"HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n"
    _, _, rest = exchange(served, first + REFUSED[0][0].format("GET").encode())
    assert json.loads(rest.partition(b"\r\n\r\n")[2])["status_code"] == 400


def test_types_of_refusals_are_those_of_the_service() -> None:
    for status, (name, _) in REFUSALS.items():
        assert ERRORS[status].name == name


def test_refusal_names_the_limit_of_gunicorn_conf() -> None:
    settings = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
    assert f"at most {settings['limit_request_fields']}, each" in REFUSALS[431][1]


HOSTS = [
    "x", "x:8000", "x:", "my_service", "EXAMPLE.com.", "xn--bcher-kva.example", "a%20b",
    "127.0.0.1", "[::1]", "[::1]:8000", "[2001:DB8::5]:",
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_host_is_accepted(served: Server, host: str, version: str) -> None:
    request = f"GET /health HTTP/{version}\r\nHost: {host}\r\n".encode() + CLOSE
    assert exchange(served, request)[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "", "a b", "a/b", "a?b", "a#b", "u@x", "x:port", "x:80:80", ":80", "[", "[::1", "::1",
        "[::1]x", "[::1]:x", "[x]", "a\\b", 'a"b', "<x>", "caf\xe9", "a%2", "http://x", "x, y",
    ],
)  # fmt: skip
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_malformed_host_is_a_400(served: Server, host: str, version: str) -> None:
    request = f"GET /health HTTP/{version}\r\nHost: {host}\r\n".encode("latin-1") + CLOSE
    status, _, body = exchange(served, request)
    assert (status, json.loads(body)["error_type"]) == (400, "validation_error")


@pytest.mark.parametrize(("version", "status"), [("1.0", 200), ("1.1", 400), ("1.2", 400)])
@pytest.mark.parametrize("headers", [b"", b"X: y\r\n"])
def test_only_http_1_0_may_leave_out_the_host(
    served: Server, version: str, status: int, headers: bytes
) -> None:
    request = f"GET /health HTTP/{version}\r\n".encode() + headers
    assert exchange(served, request + CLOSE)[0] == status


def test_refused_host_changes_nothing(served: Server, token: Token, user: str) -> None:
    body = b'{"title": "x"}'
    request = head(token(user), f"Content-Length: {len(body)}") + body
    assert exchange(served, request.replace(b"localhost", b"a/b"))[0] == 400
    line = "GET /api/tasks HTTP/1.1"
    assert exchange(served, head(token(user), "Connection: close", line=line))[2] == b"[]"


@pytest.mark.parametrize(("sent", "answered"), [("1.0", "1.0"), ("1.1", "1.1"), ("1.2", "1.1")])
def test_version_is_answered_with_one_that_the_server_knows(
    served: Server, sent: str, answered: str
) -> None:
    _, headers, _ = exchange(served, f"GET /health HTTP/{sent}\r\nHost: x\r\n".encode() + CLOSE)
    assert headers.startswith(f"HTTP/{answered} 200 ")
