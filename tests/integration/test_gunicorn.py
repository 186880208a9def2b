"""The service under gunicorn, over real sockets."""

import json
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests import ROOT, SECRET
from tests.support.api import location, next_link
from tests.support.client import Token
from tests.support.processes import measured
from tests.support.raw_http import exchange, get, head
from tests.support.serving import Server, ask, workers
from tests.support.waiting import wait_until
from todo_api.config import Config
from todo_api.database.schema_check import newest_migration
from todo_api.database.url import describe_database
from todo_api.limits import MAX_BODY_BYTES
from todo_api.version import __version__

HEALTH = f'{{"status":"ok","version":"{__version__}"}}'.encode()


@pytest.mark.long
def test_reload_replaces_the_workers_and_loads_the_code_again(
    config: Config, tmp_path: Path
) -> None:
    for name in ("todo_api", "http_server", "migrations"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "gunicorn.conf.py", tmp_path)
    with Server(tmp_path / "log", config.database_url, 0, 0, tmp_path) as server:
        before = workers(server)
        with (tmp_path / "todo_api/config.py").open("a") as settings:
            settings.write('NEW = "added by the new code"\n')
        with (tmp_path / "todo_api/http/health.py").open("a") as health:
            health.write("from todo_api.config import NEW\nlogger.warning(NEW)\n")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "added by the new code" in server.log.read_text(), "not the new code")
        wait_until(lambda: not before & workers(server), "an old worker still runs")
        assert ask(server.connect(), "GET", "/health", "")[0].status == 200


@pytest.fixture(scope="module")
def served(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    environ = measured() | {"HOME": str(folder / "home"), "INSTANCE": "one", "COMMIT": "0a1b2c3"}
    with Server(folder / "log", config.database_url, **environ) as server:
        yield server


def test_task_lifecycle_uses_one_connection(served: Server, token: Token, user: str) -> None:
    connection = served.connect()
    signed = token(user)
    response, task = ask(connection, "POST", "/api/tasks", signed, b'{"title": "Buy milk"}')
    assert (response.status, task["title"]) == (201, "Buy milk")
    path = location(response)
    opened = connection.sock
    assert ask(connection, "GET", path, signed)[1] == task
    assert ask(connection, "PATCH", f"{path}/complete", signed)[1]["completed"] is True
    assert ask(connection, "PUT", path, signed, b'{"title": "Milk"}')[1]["title"] == "Milk"
    assert ask(connection, "GET", "/api/tasks", signed)[0].status == 200
    assert ask(connection, "DELETE", path, signed)[0].status == 204
    assert ask(connection, "GET", path, signed)[0].status == 404
    assert connection.sock is opened
    connection.close()


def test_longest_link_works(served: Server, token: Token, user: str) -> None:
    connection = served.connect()
    signed = token(user)
    title = "".join(chr(0x1F300 + n) for n in range(200))
    body = json.dumps({"title": title, "tags": [title[:50]]}).encode()
    for _ in range(2):
        assert ask(connection, "POST", "/api/tasks", signed, body)[0].status == 201
    filters = [("q", title), *(("tag", title[:50]) for _ in range(6)), ("sort", "-title")]
    path = f"/api/tasks?{urlencode([*filters, ('limit', 1)])}"
    response, first = ask(connection, "GET", path, signed)
    following = next_link(response)
    assert len(following) > 6_480
    response, second = ask(connection, "GET", following, signed)
    assert (response.status, len(first), len(second)) == (200, 1, 1)
    connection.close()


def test_toggle_works_without_a_content_length(served: Server, token: Token, user: str) -> None:
    connection = served.connect()
    signed = token(user)
    path = location(ask(connection, "POST", "/api/tasks", signed, b'{"title": "x"}')[0])
    request = (
        f"PATCH {path}/complete HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {signed}\r\nConnection: close\r\n\r\n"
    )
    status, _, body = exchange(served, request.encode())
    assert (status, json.loads(body)["completed"]) == (200, True)
    connection.close()


def test_chunked_body_is_rejected_and_the_connection_closed(
    served: Server, token: Token, user: str
) -> None:
    chunk = b'{"title": "x"}'
    request = head(token(user), "Transfer-Encoding: chunked")
    request += f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n0\r\n\r\n"
    status, headers, body = exchange(served, request + b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (status, json.loads(body)["error_type"]) == (411, "length_required_error")
    assert "\r\nConnection: close" in headers


@pytest.mark.parametrize(
    ("length", "sent"), [(MAX_BODY_BYTES + 1,) * 2, (1024 * 1024,) * 2, (1024 * 1024 + 1, 0)]
)
def test_larger_body_is_rejected_and_the_connection_closed(
    served: Server, token: Token, user: str, length: int, sent: int
) -> None:
    request = head(token(user), f"Content-Length: {length}") + b" " * sent
    status, headers, body = exchange(served, request)
    assert (status, json.loads(body)["error_type"]) == (413, "payload_too_large_error")
    assert "\r\nConnection: close" in headers


@pytest.mark.parametrize(
    ("method", "suffix", "sent"),
    [("POST", "", b'{"title": "cut"}'), ("PATCH", "/complete", b""), ("PATCH", "/complete", b"{")],
)
def test_truncated_body_changes_nothing(
    served: Server, token: Token, user: str, method: str, suffix: str, sent: bytes
) -> None:
    connection = served.connect()
    signed = token(user)
    _, task = ask(connection, "POST", "/api/tasks", signed, b'{"title": "x"}')
    path = "/api/tasks" if method == "POST" else f"/api/tasks/{task['id']}{suffix}"
    request = head(signed, "Content-Length: 99", line=f"{method} {path} HTTP/1.1") + sent
    status, _, body = exchange(served, request, cut=True)
    assert (status, json.loads(body)["detail"]) == (
        400,
        "The body is shorter than its Content-Length. Send all of it.",
    )
    assert ask(connection, "GET", "/api/tasks", signed)[1] == [task]
    connection.close()


@pytest.mark.parametrize(
    "header", ["SCRIPT_NAME: /api", "PATH_INFO: /api/tasks", "X-Forwarded-Proto: https"]
)
def test_proxy_headers_do_not_change_the_path(served: Server, header: str) -> None:
    line = "GET /health HTTP/1.1"
    status, _, body = exchange(served, head("none", header, "Connection: close", line=line))
    assert (status, body) == (200, HEALTH)


def test_service_below_a_path_knows_no_other(tmp_path: Path) -> None:
    environ = measured() | {"SCRIPT_NAME": "/todo"}
    with Server(tmp_path / "log", "postgresql://host/db", **environ) as server:
        status, _, body = exchange(server, get("/health", "Connection: close"))
        assert (status, json.loads(body)["detail"]) == (404, "No such path.")
        status, _, body = exchange(server, get("/todo/health", "Connection: close"))
        assert (status, body) == (200, HEALTH)


@pytest.mark.parametrize(
    "path",
    ["//api/tasks", "///api/tasks", "/api//tasks", "/api%2ftasks", "/api%2Ftasks?q=x",
     "/%2fapi/tasks", "http://localhost//api/tasks", "//", "//docs", "/api/tasks/", "/api%5Ctasks"],
)  # fmt: skip
def test_other_spelling_of_a_path_is_unknown(
    served: Server, token: Token, user: str, path: str
) -> None:
    request = head(token(user), "Connection: close", line=f"GET {path} HTTP/1.1")
    status, _, body = exchange(served, request)
    assert (status, json.loads(body)["detail"]) == (404, "No such path.")


@pytest.mark.parametrize(
    "path", ["/api/t%61sks", "/api/tasks?q=a%2fb//c", "http://localhost/api/tasks"]
)
def test_path_may_be_encoded_and_absolute(
    served: Server, token: Token, user: str, path: str
) -> None:
    request = head(token(user), "Connection: close", line=f"GET {path} HTTP/1.1")
    assert exchange(served, request)[0] == 200


def test_preflight_and_error_are_readable_across_origins(served: Server) -> None:
    connection = served.connect()
    origin = {"Origin": "http://localhost:3000"}
    preflight = origin | {"Access-Control-Request-Method": "PATCH"}
    for method, path, headers, status in (
        ("OPTIONS", "/api/tasks/1-nope", preflight, 204),
        ("GET", "/api/tasks", origin, 401),
    ):
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        response.read()
        assert response.status == status
        assert response.headers["Access-Control-Allow-Origin"] == origin["Origin"]
    connection.close()


def test_every_log_line_is_json_without_secrets(served: Server, token: Token, user: str) -> None:
    connection = served.connect()
    signed = token(user)
    for method, path, body in (
        ("POST", "/api/tasks", b'{"title": "hush-hush", "description": "hush-hush"}'),
        ("POST", "/api/tasks", b'{"title": "hush-hush", "hush-hush": 1}'),
        ("GET", "/api/tasks?cursor=hush-hush", None),
        ("GET", "/api/hush-hush", None),
        ("GET", f"/api/tasks?token={signed}", None),
    ):
        ask(connection, method, path, signed, body)
    exchange(served, b"GET /hush-hush\x00 HTTP/1.1\r\nAuthorization: hush-hush\r\n\r\n")
    connection.close()
    lines = served.lines()
    assert any(line["event"] == "request" and line.get("status") == 201 for line in lines)
    assert all({"time", "level", "logger", "event"} <= set(line) for line in lines)
    text = served.log.read_text()
    for secret in ("hush-hush", SECRET, signed, user):
        assert secret not in text


def test_log_says_which_process_runs_what(served: Server, config: Config) -> None:
    assert ask(served.connect(), "GET", "/health", "")[0].status == 200
    lines = served.lines()
    (started,) = (line for line in lines if line["event"] == "started")
    assert started["process"] in workers(served)
    assert (started["version"], started["settings"]["commit"]) == (__version__, "0a1b2c3")
    assert started["schema"] == newest_migration()
    assert describe_database(config.database_url) == started["database"]
    assert started["settings"]["trusted_proxies"] == 0
    assert {line["instance"] for line in lines} == {"one"}
    assert all(isinstance(line["process"], int) for line in lines)


def test_absent_database_does_not_stop_startup(tmp_path: Path) -> None:
    with Server(tmp_path / "log", "postgresql://u:p@127.0.0.1:1/db") as server:
        connection = server.connect()
        assert ask(connection, "GET", "/health", "")[0].status == 200
        assert ask(connection, "GET", "/ready", "")[0].status == 503
        connection.close()
    assert server.process.returncode == 0


def test_no_control_socket_is_created(served: Server) -> None:
    connection = served.connect()
    assert ask(connection, "GET", "/health", "")[0].status == 200
    connection.close()
    assert not served.log.with_name("home").exists()


def test_server_header_has_no_version(served: Server) -> None:
    connection = served.connect()
    response, _ = ask(connection, "GET", "/health", "")
    assert not re.search(r"\d", response.headers["Server"])
    connection.close()
