"""Standard tools see the service, as docs/observability.md sets them up, and get no users' text."""

import gzip
import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa
import yaml  # type: ignore[import-untyped]

from tests import ROOT, SECRET
from tests.docs.markdown import blocks, commands_for
from tests.docs.runner import copy_checkout
from tests.support import processes
from tests.support.client import Token
from tests.support.postgres import NewDatabase
from tests.support.serving import Endpoint, answers, ask
from tests.support.waiting import LIMIT, wait_until

PROGRAMS = Path(__file__).with_name(".venv") / "bin"
PACKAGES = Path(__file__).with_name("requirements.in").read_text().splitlines()
PAGE = ROOT / "docs/observability.md"
FILES = {block.value: block.text for block in blocks(PAGE) if block.mark == "file"}
STATSD, INSTALL, OPENTELEMETRY, SENTRY = commands_for("test_tools.py")
MARKER = "hushword"
"""What users write, in these tests."""
REJECTED, ABSENT = "unwanted", "tasks_moved"
BREAK = (
    f"ALTER TABLE tasks ADD CONSTRAINT wanted CHECK (title NOT LIKE '{REJECTED}%%')",
    f"ALTER TABLE tasks RENAME TO {ABSENT}",
)
METRIC = re.compile(r"([\w.]+):[\d.]+\|(?:c\|@1\.0|ms|g)")
pytestmark = pytest.mark.skipif(
    not (PROGRAMS / "gunicorn").exists(), reason="make observability installs the tools"
)


class Sink(ThreadingHTTPServer):
    """Keeps the bodies that tools send over HTTP, by their path."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), SinkHandler)
        self.received: list[tuple[str, bytes]] = []

    def bodies(self, path: str = "") -> bytes:
        return b"\n".join(body for to, body in self.received if to.startswith(path))


class SinkHandler(BaseHTTPRequestHandler):
    server: Sink

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        encoding = self.headers.get("Content-Encoding", "none")
        assert encoding in ("none", "gzip")
        self.server.received.append(
            (self.path, gzip.decompress(body) if encoding == "gzip" else body)
        )
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Service(Endpoint):
    """The service with a tool, and its database."""

    def __init__(self, checkout: Path, database_url: str, signed: str) -> None:
        super().__init__()
        self.checkout = checkout
        self.engine = sa.create_engine(database_url, poolclass=sa.NullPool)
        self.signed = signed
        self.environ = {"PATH": f"{PROGRAMS}:{os.environ['PATH']}", "DATABASE_URL": database_url}
        self.environ |= {
            "BETTER_AUTH_SECRET": SECRET,
            "HOME": str(checkout),
            "SLOW_STATEMENT": "60",
        }
        self.environ |= {"GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{self.port}"}
        self.log = checkout / "service.log"

    @contextmanager
    def serve(self, commands: str) -> Iterator[None]:
        """Run the commands of the page. The last of them serves, and ends with this."""
        *before, last = commands.strip().splitlines()
        script = "\n".join([*before, f"exec {last}"])
        with (
            self.log.open("w") as output,
            processes.running(
                ["bash", "-euc", script],
                cwd=self.checkout,
                env=self.environ,
                stdout=output,
                stderr=output,
            ) as process,
        ):

            def is_ready() -> bool:
                assert process.poll() is None, self.log.read_text()
                return answers(self)

            wait_until(is_ready, "the service is not ready")
            yield
            process.terminate()  # the tools send the rest when it ends
            process.wait(LIMIT)

    def use(self) -> list[int]:
        """Write, search, and fail. Return the status codes."""
        query = f"/api/tasks?q={MARKER}&%71={MARKER}&tag={MARKER}"
        statuses = [self.ask("POST", "/api/tasks", MARKER)]
        statuses += [self.ask("GET", "/api/tasks?q=" + MARKER), self.ask("GET", query)]
        statuses += [self.ask("GET", query, signed="")]
        self.execute(BREAK[0])
        statuses += [self.ask("POST", "/api/tasks", f"{REJECTED} {MARKER}")]
        self.execute(BREAK[1])
        return [*statuses, self.ask("GET", "/api/tasks?q=" + MARKER)]

    def ask(self, method: str, path: str, title: str = "", signed: str | None = None) -> int:
        body = json.dumps({"title": title, "description": title}).encode() if title else None
        token = self.signed if signed is None else signed
        with closing(self.connect()) as connection:
            return ask(connection, method, path, token, body, Cookie=f"a={MARKER}")[0].status

    def execute(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.exec_driver_sql(statement)

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines that are written for requests, other than the probes."""
        written = self.log.read_text().splitlines()
        lines = [json.loads(line) for line in written if line.startswith("{")]
        return [line for line in lines if "request_id" in line and line.get("route") != "/ready"]


STATUSES = [201, 200, 400, 401, 500, 503]


@pytest.fixture
def service(folder: Path, new_database: NewDatabase, token: Token, user: str) -> Service:
    checkout = copy_checkout(folder)
    for name, text in FILES.items():
        (checkout / name).write_text(text)
    service = Service(checkout, new_database(), token(user))
    migrated = processes.run(["flask", "db", "upgrade"], cwd=checkout, env=service.environ)
    assert migrated.returncode == 0, migrated.stderr
    return service


def at(port: int, commands: str, documented: int) -> str:
    """Return the commands with another port than the page's."""
    assert f"localhost:{documented}" in commands
    return commands.replace(f"localhost:{documented}", f"127.0.0.1:{port}")


def hushed(service: Service, sent: bytes) -> bool:
    """Return whether neither the log nor what was sent has a user's text or their token."""
    written = service.log.read_bytes() + sent
    return MARKER.encode() not in written and service.signed.encode() not in written


def test_opentelemetry_gets_traces_and_log_lines_that_belong_together(
    service: Service, sink: Sink
) -> None:
    with service.serve(at(sink.server_port, OPENTELEMETRY, 4318)):
        assert service.use() == STATUSES
    lines = service.lines()
    assert [line["status"] for line in lines if line["event"] == "request"] == STATUSES
    errors = [line["event"] for line in lines if line["level"] == "ERROR"]
    assert errors == ["Exception on /api/tasks [POST]", "database unavailable"]
    traces, logs = sink.bodies("/v1/traces"), sink.bodies("/v1/logs")
    for line in lines:
        assert bytes.fromhex(line["otelTraceID"]) in traces
        assert bytes.fromhex(line["otelSpanID"]) in traces
        assert line["request_id"].encode() in logs
    assert b"INSERT INTO tasks" in traces
    assert b"http.server.duration" in sink.bodies("/v1/metrics")
    assert hushed(service, sink.bodies())


def test_opentelemetry_without_the_file_of_the_page_sends_searches(
    service: Service, sink: Sink
) -> None:
    commands = at(sink.server_port, OPENTELEMETRY, 4318).replace(" traced:app", "")
    with service.serve(commands):
        assert service.use() == STATUSES
    assert f"/api/tasks?q={MARKER}".encode() in sink.bodies("/v1/traces")
    assert "sqlalchemy only instruments" in service.log.read_text()


def test_packages_of_opentelemetry_are_pinned() -> None:
    named = [word for word in INSTALL.split() if word.startswith("opentelemetry")]
    assert named
    assert set(named) <= set(PACKAGES)


def test_sentry_gets_errors_without_users_text(service: Service, sink: Sink) -> None:
    report(service, sink)
    assert hushed(service, sink.bodies())


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        ("()", [f"{REJECTED} {MARKER}", f'"query_string":"q={MARKER}"']),
        (
            '(include_local_variables=False, max_request_body_size="never",'
            " send_default_pii=False)",
            [f'"query_string":"q={MARKER}"'],
        ),
    ],
    ids=["default", "before data_collection"],
)
def test_sentry_with_other_settings_sends_users_text(
    service: Service, sink: Sink, settings: str, sent: list[str]
) -> None:
    file = service.checkout / "reported.py"
    file.write_text(re.sub(r"\(\n.*?\n\)", settings, file.read_text(), count=1, flags=re.DOTALL))
    report(service, sink)
    found = sink.bodies().decode()
    assert [text for text in sent if text not in found] == []


def report(service: Service, sink: Sink) -> None:
    """Use the service with Sentry, until both errors are reported."""
    commands = SENTRY.replace(
        "https://key@sentry.example.com", f"http://key@127.0.0.1:{sink.server_port}"
    )
    with service.serve(commands):
        assert service.use() == STATUSES
    for error in (b"CheckViolation", b"UndefinedTable"):
        assert error in sink.bodies("/api/1/envelope")


def test_mapping_names_each_metric_of_statsd(service: Service) -> None:
    matches = [mapping["match"] for mapping in yaml.safe_load(FILES["statsd.yaml"])["mappings"]]
    with socket.socket(type=socket.SOCK_DGRAM) as statsd:
        statsd.bind(("127.0.0.1", 0))
        statsd.settimeout(LIMIT)
        with service.serve(at(statsd.getsockname()[1], STATSD, 9125)):
            assert service.ask("GET", f"/api/tasks?q={MARKER}", signed="") == 401
            metrics = set()
            while "gunicorn.request.status.401" not in metrics:
                found = METRIC.fullmatch(statsd.recv(1024).decode())
                assert found
                metrics.add(found[1])
    used = [{match for match in matches if fnmatch(metric, match)} for metric in metrics]
    assert all(used)
    assert set().union(*used) == set(matches) - {"gunicorn.log.*"}
