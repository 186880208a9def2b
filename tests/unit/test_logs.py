"""What a log line contains, and what it must not."""

import json
import logging
import os
import re
from contextlib import suppress
from io import StringIO
from logging.handlers import BufferingHandler
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.support.client import Client, MakeApp, MakeClient, Token
from tests.support.log import Lines
from todo_api import logs
from todo_api.database.engine import execute, log_slow
from todo_api.database.models import tasks
from todo_api.logs import is_not_access_line


def test_request_is_one_line(lines: Lines, client: Client, user: str) -> None:
    headers = {"X-Request-ID": "abc-1"}
    task = client.post("/api/tasks", json={"title": "hush"}, headers=headers).json
    client.get(f"/api/tasks/{task['id']}?limit=hush")
    created, rejected = lines.parsed()
    assert created == {
        "time": created["time"],
        "level": "INFO",
        "logger": "todo_api.logs",
        "event": "request",
        "process": os.getpid(),
        "request_id": "abc-1",
        "method": "POST",
        "route": "/api/tasks",
        "status": 201,
        "duration_ms": created["duration_ms"],
        "user": created["user"],
    }
    assert re.fullmatch(r"[0-9a-f]{16}", created["user"])
    assert rejected["user"] == created["user"]
    assert rejected["route"] == "/api/tasks/<task_id:task_id>"
    assert (rejected["status"], rejected["error_type"]) == (400, "validation_error")
    assert "hush" not in lines.getvalue()
    assert user not in lines.getvalue()


def test_rejected_token_is_logged_with_its_reason(lines: Lines, anonymous: Client) -> None:
    anonymous.get("/api/tasks")
    anonymous.get("/api/tasks", headers={"Authorization": "Bearer abc.def,ghi"})
    assert [line["auth_failure"] for line in lines.parsed()] == ["missing", "malformed"]
    assert "abc.def" not in lines.getvalue()


@pytest.mark.parametrize("request_id", ["a", "A-1_b.c", "x" * 64])
def test_plain_request_id_is_kept(anonymous: Client, request_id: str) -> None:
    response = anonymous.get("/health", headers={"X-Request-ID": request_id})
    assert response.headers["X-Request-ID"] == request_id


@pytest.mark.parametrize("request_id", ["", "x" * 65, "a b", "a/b", "é", '"', "a,b"])
def test_other_request_id_is_replaced(anonymous: Client, request_id: str) -> None:
    response = anonymous.get("/health", headers={"X-Request-ID": request_id})
    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["X-Request-ID"])


def test_exception_is_logged_without_row_values(make_app: MakeApp, lines: Lines) -> None:
    app = make_app()
    row = {"user_id": "ann", "title": " hush "}

    @app.get("/broken")
    def broken() -> str:
        execute(sa.insert(tasks), **row)
        return "never"

    assert Client(app).get("/broken").status_code == 500
    error, request = lines.parsed()
    assert error["exc_info"].endswith("sqlalchemy.exc.IntegrityError: 23514\n")
    assert "in broken" in error["exc_info"]
    assert error["request_id"] == request["request_id"]
    assert "hush" not in lines.getvalue()
    assert "Failing row" not in lines.getvalue()


def test_unreachable_database_is_logged_with_its_reason(make_app: MakeApp, lines: Lines) -> None:
    app = make_app(database_url="postgresql+psycopg2://ann:hunter2@127.0.0.1:1/db")
    assert Client(app).get("/ready").status_code == 503
    error, request = lines.parsed()
    assert "Connection refused" in error["exc_info"]
    assert "Connection refused. Is the server running" in error["reason"]
    assert error["event"] == "database unavailable"
    assert (request["status"], request["error_type"]) == (503, "service_unavailable_error")
    assert "hunter2" not in lines.getvalue()


@pytest.mark.parametrize(
    ("trusted", "forwarded", "client"),
    [
        (0, "203.0.113.9", "127.0.0.1"),
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.1, 203.0.113.9, 10.0.0.1", "203.0.113.9"),
        (1, "2001:db8::1", "2001:db8::1"),
        (2, "203.0.113.9", "127.0.0.1"),
        (1, "hush", "127.0.0.1"),
        (1, "", "127.0.0.1"),
        (1, '", 203.0.113.9', "203.0.113.9"),
        (1, "fe80::1%hush", "127.0.0.1"),
    ],
)
def test_refused_request_has_the_address_of_its_client(
    make_app: MakeApp, lines: Lines, trusted: int, forwarded: str, client: str
) -> None:
    headers = {"X-Forwarded-For": forwarded}
    Client(make_app(trusted_proxies=trusted)).get("/api/tasks", headers=headers)
    (line,) = lines.parsed()
    assert (line["status"], line["client"]) == (401, client)


def test_refusals_by_the_quota_and_other_errors(
    make_app: MakeApp, lines: Lines, token: Token
) -> None:
    client = Client(make_app(max_tasks_per_user=1, log_sample=0), token("ann"))
    for body in ({"title": "a"}, {"title": "b"}, {}):
        client.post("/api/tasks", json=body)
    quota, invalid = lines.parsed()
    assert (quota["status"], quota["client"]) == (403, "127.0.0.1")
    assert invalid["status"] == 400
    assert "client" not in invalid


@pytest.mark.parametrize(("sample", "logged"), [(0, 0), (1, 40)])
def test_successful_requests_are_sampled(
    make_app: MakeApp, lines: Lines, sample: float, logged: int
) -> None:
    client = Client(make_app(log_sample=sample))
    for _ in range(40):
        client.get("/health")
    client.get("/absent")
    assert [line["status"] for line in lines.parsed()] == [200] * logged + [404]


def test_half_of_the_requests(make_app: MakeApp, lines: Lines) -> None:
    client = Client(make_app(log_sample=0.5))
    for _ in range(400):
        client.get("/health")
    assert 0 < len(lines.parsed()) < 400


def test_probes_are_silenced_alone(make_app: MakeApp, lines: Lines, token: Token) -> None:
    client = Client(make_app(log_probes=False), token("ann"))
    for path in ("/health", "/ready", "/api/tasks"):
        client.get(path)
    assert [line["route"] for line in lines.parsed()] == ["/api/tasks"]
    unreachable = "postgresql://ann@127.0.0.1:1/db"
    Client(make_app(log_probes=False, database_url=unreachable)).get("/ready")
    assert lines.parsed()[-1]["status"] == 503


def test_slow_statement_has_a_line_with_its_route(
    make_app: MakeApp, lines: Lines, token: Token
) -> None:
    client = Client(make_app(slow_statement=0, log_sample=0), token("ann"))
    client.get("/api/tasks", query_string={"q": "hush"})
    slow, *_, request = lines.parsed()
    assert (slow["event"], slow["level"], slow["route"]) == (
        "slow statement",
        "WARNING",
        "/api/tasks",
    )
    assert slow["request_id"] == request["request_id"]
    assert 0 < slow["duration_ms"] <= request["duration_ms"]
    assert "hush" not in lines.getvalue()


def test_statement_outside_a_request_has_no_route(app: Flask, lines: Lines) -> None:
    with app.app_context():
        log_slow(1.5)
    (line,) = lines.parsed()
    assert line["duration_ms"] == 1500
    assert "route" not in line


def test_what_a_factory_of_records_adds_is_logged(anonymous: Client, lines: Lines) -> None:
    def traced(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = logging.LogRecord(*args, **kwargs)
        record.otelTraceID = "4bf92f3577b34da6a3ce929d0e0e4736"
        return record

    earlier = logging.getLogRecordFactory()
    logging.setLogRecordFactory(traced)
    try:
        anonymous.get("/api/tasks")
    finally:
        logging.setLogRecordFactory(earlier)
    (line,) = lines.parsed()
    assert line["otelTraceID"] == "4bf92f3577b34da6a3ce929d0e0e4736"


def test_handlers_of_a_tool_stay_and_have_the_request_id(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    of_a_tool = BufferingHandler(capacity=100)
    monkeypatch.setattr(root, "handlers", [of_a_tool, *root.handlers])
    logs.set_up("INFO", instance="one")
    Client(app).get("/health", headers={"X-Request-ID": "abc-1"})
    assert [vars(record)["request_id"] for record in of_a_tool.buffer] == ["abc-1"]
    (ours,) = (each for each in root.handlers if isinstance(each, logs.StderrHandler))
    assert ours.formatter
    line = ours.formatter.format(of_a_tool.buffer[0])
    assert json.loads(line).items() >= {"instance": "one", "request_id": "abc-1"}.items()


def test_handler_of_basic_config_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    logging.basicConfig()
    logs.set_up("INFO")
    assert [type(each) for each in root.handlers] == [logs.StderrHandler]


def test_exception_that_causes_itself_is_logged(lines: Lines) -> None:
    first, second = ValueError("hush"), KeyError("hush")
    first.__cause__, second.__cause__ = second, first
    hidden = OSError("hush")
    second.__context__ = hidden
    logging.getLogger("todo_api").error("failed", exc_info=first)
    (line,) = lines.parsed()
    assert line["exc_info"] == "builtins.KeyError\nbuiltins.ValueError\n"


def test_users_are_pseudonymised(lines: Lines, client_of: MakeClient) -> None:
    for user in ("ann", "bob", "ann"):
        client_of(user).get("/api/tasks")
    first, second, third = (line["user"] for line in lines.parsed())
    assert first == third != second


def test_unknown_method_is_not_logged(lines: Lines, anonymous: Client) -> None:
    anonymous.open("/health", method="HUSH")
    (line,) = lines.parsed()
    assert (line["method"], line["status"]) == ("other", 405)


def test_line_outside_a_request_has_no_request_id(lines: Lines) -> None:
    logging.getLogger("todo_api").warning("outside")
    (line,) = lines.parsed()
    assert line["event"] == "outside"
    assert "request_id" not in line


def test_development_server_logs_no_query_strings() -> None:
    access = logging.makeLogRecord({"msg": '127.0.0.1 - - [now] "%s" %s %s'})
    banner = logging.makeLogRecord({"msg": " * Running on http://127.0.0.1:8000"})
    assert not is_not_access_line(access)
    assert is_not_access_line(banner)


def test_request_succeeds_if_its_log_line_cannot_be_written(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with suppress(BrokenPipeError), os.fdopen(writer, "w", buffering=1) as stderr:
        monkeypatch.setattr(logging.getLogger(), "handlers", [logs.StderrHandler(stderr)])
        assert client.post("/api/tasks", json={"title": "stored"}).status_code == 201


def test_wrong_log_call_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    handler = logs.StderrHandler(StringIO())
    handler.handle(logging.makeLogRecord({"msg": "%d", "args": ("text",)}))
    assert "TypeError: %d format" in capsys.readouterr().err
