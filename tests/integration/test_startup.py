"""An invalid setting stops startup with one line for each, and no traceback."""

import json
import logging
import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from unittest import mock

import flask_migrate
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from flask import Flask
from flask.cli import cli

from tests import ROOT, SECRET
from tests.support import processes
from tests.support.postgres import NewDatabase
from tests.support.programs import needs
from tests.support.roles import role_with
from tests.support.serving import GUNICORN, Server, ask, free_port
from tests.support.waiting import LIMIT, wait_until
from todo_api import logs
from todo_api.database import embedded
from todo_api.database.url import EMBEDDED_FOLDER, describe_database

RunFlask = Callable[..., Result]

FLASK = [sys.executable, "-m", "flask", "--app"]
BAD = {
    "BETTER_AUTH_SECRET": "hush-hush",
    "DATABASE_URL": "postgresql://u:hush-hush@host/db?pgbouncer=true",
    "FRONTEND_URL": "*",
}
GOOD = {"BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": "postgresql://host/db"}
PROBLEMS = [
    "BETTER_AUTH_SECRET is shorter than 32 bytes; make one: openssl rand -base64 32",
    'DATABASE_URL has a parameter that libpq rejects: invalid URI query parameter: "pgbouncer"',
    "FRONTEND_URL must be origins such as https://app.example.com, separated by commas: a scheme,"
    " a host and a port if there is one; no path, no *",
]


def run(command: list[str], folder: Path, **environ: str) -> CompletedProcess[str]:
    """Run a command in a folder without .env and .flaskenv."""
    return processes.run(command, cwd=folder, env=environment() | environ)


def environment() -> dict[str, str]:
    return processes.measured() | {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}


@pytest.fixture
def flask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RunFlask:
    """Run `flask` in this process, as a new one takes long to load the service."""
    monkeypatch.chdir(tmp_path)  # without .env and .flaskenv
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(logging.getLogger("werkzeug"), "filters", [])

    def run(app: str, *command: str, **environ: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["flask", "--app", app, *command])
        for module in ("wsgi", "todo_api.wsgi"):
            monkeypatch.delitem(sys.modules, module, raising=False)
        with mock.patch.dict(os.environ, environ, clear=True):
            ran = CliRunner().invoke(cli, sys.argv[1:])
        logs.set_up("INFO")  # the log of this process again
        assert isinstance(ran.exception, SystemExit | None), ran.exc_info
        return ran

    return run


@pytest.mark.parametrize("app", ["wsgi", "todo_api.wsgi"])
@pytest.mark.parametrize("command", [["run"], ["token", "ann"], ["routes"], ["--help"]])
def test_flask_prints_each_invalid_setting(flask: RunFlask, app: str, command: list[str]) -> None:
    ran = flask(app, *command, **BAD)
    assert (ran.exit_code, ran.stdout, ran.stderr.splitlines()) == (1, "", PROBLEMS)


def test_process_of_flask_prints_each_invalid_setting(tmp_path: Path) -> None:
    ran = run([*FLASK, "wsgi", "run"], tmp_path, **BAD)
    assert (ran.returncode, ran.stdout, ran.stderr.splitlines()) == (1, "", PROBLEMS)


def test_gunicorn_logs_each_invalid_setting(tmp_path: Path) -> None:
    server = Server(tmp_path / "log", "", **processes.measured(), **BAD)
    assert server.status() == 4
    logged = [line for line in server.lines() if line["logger"] == "todo_api.wsgi"]
    assert [line["event"] for line in logged] == PROBLEMS
    assert {line["level"] for line in logged} == {"ERROR"}
    assert "Traceback" not in server.log.read_text()


def test_gunicorn_needs_a_worker(tmp_path: Path) -> None:
    server = Server(tmp_path / "log", "postgresql://host/db", WEB_CONCURRENCY="0")
    assert server.status() == 1
    logged = [line["event"] for line in server.lines() if line["level"] == "ERROR"]
    assert logged == ["WEB_CONCURRENCY must be at least 1"]


def test_gunicorn_serves_no_tls(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.touch()
    arguments = f"--certfile={file} --keyfile={file}"
    environ = processes.measured() | {"GUNICORN_CMD_ARGS": arguments}
    server = Server(tmp_path / "log", "postgresql://host/db", **environ)
    assert server.status() == 1
    (logged,) = [line["event"] for line in server.lines() if line["level"] == "ERROR"]
    assert "end it in a proxy" in logged


def test_gunicorn_with_another_configuration_stops_too(tmp_path: Path) -> None:
    ran = run(
        [*GUNICORN, "wsgi:app", "--no-control-socket", "--bind", "127.0.0.1:0"], tmp_path, **BAD
    )
    assert ran.returncode == 4
    logged = [json.loads(line) for line in ran.stderr.splitlines() if line.startswith("{")]
    assert [line["event"] for line in logged] == PROBLEMS


FAILING = """
from todo_api.wsgi import app

@app.get("/bug")
def bug():
    raise RuntimeError("a bug")

@app.get("/memory")
def memory():
    raise MemoryError

@app.get("/thread")
def thread():
    raise RuntimeError("can't start new thread")
"""


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("failing")
    (folder / "failing.py").write_text(FAILING)
    own = '\nwsgi_app = "failing:app"\n'
    (folder / "gunicorn.conf.py").write_text((ROOT / "gunicorn.conf.py").read_text() + own)
    environ = processes.measured() | GOOD | {"PYTHONPATH": str(ROOT)}
    with Server(folder / "log", "", 0, 0, folder, **environ) as server:
        yield server


@pytest.mark.parametrize("path", ["/memory", "/thread"])
def test_gunicorn_replaces_a_worker_without_memory(failing: Server, path: str) -> None:
    booted = failing.log.read_text().count("Booting")
    connection = failing.connect()
    for _ in range(2):
        assert ask(connection, "GET", "/bug", "")[0].status == 500
    assert ask(connection, "GET", path, "")[0].status == 500
    wait_until(lambda: failing.log.read_text().count("Booting") > booted, "the worker still runs")
    assert ask(failing.connect(), "GET", "/health", "")[0].status == 200


LOADED = "assert name in sys.modules; print(*{each.partition('.')[0] for each in sys.modules})"


@pytest.mark.parametrize(
    ("load", "unwanted"),
    [
        ("import wsgi; name = 'todo_api.tasks'", {"alembic", "flask_migrate", "mako"}),
        # The code that the arbiter has loaded stays as it is when a reload starts new workers.
        (
            "import runpy, http_server.log, http_server.worker;"
            " runpy.run_path('gunicorn.conf.py'); name = 'http_server.shutdown'",
            {"todo_api", "flask", "sqlalchemy"},
        ),
    ],
    ids=["worker", "arbiter"],
)
def test_process_loads_only_what_it_needs(load: str, unwanted: set[str]) -> None:
    ran = run([sys.executable, "-c", f"import sys; {load}; {LOADED}"], ROOT, **GOOD)
    assert ran.returncode == 0, ran.stderr
    assert unwanted & set(ran.stdout.split()) == set()


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_URL_UNPOOLED"])
def test_upgrade_needs_only_the_url_that_it_uses(
    flask: RunFlask, new_database: NewDatabase, name: str
) -> None:
    url = new_database()
    ran = flask("wsgi", "db", "upgrade", **BAD | {name: plain(url)})
    assert ran.exit_code == 0, ran.stderr
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        assert sa.inspect(connection).has_table("tasks")


def plain(url: str) -> str:
    return url.replace("+psycopg2", "")


def last_event(printed: str) -> str:
    """Return what the last line of the log says, after a command that failed."""
    assert "Traceback" not in printed
    event: str = json.loads(printed.splitlines()[-1])["event"]
    return event


def test_upgrade_of_an_absent_database_ends_with_the_cause(tmp_path: Path) -> None:
    url = "postgresql://u:hush-hush@127.0.0.1:1/db"
    ran = run([*FLASK, "wsgi", "db", "upgrade"], tmp_path, DATABASE_URL=url)
    assert ran.returncode == 1
    assert last_event(ran.stderr).startswith(
        'Error: connection to server at "127.0.0.1", port 1 failed: Connection refused'
    )
    assert last_event(ran.stderr).endswith(
        "Check DATABASE_URL_UNPOOLED, or DATABASE_URL if it is not set."
    )
    assert "hush" not in ran.stderr


def test_upgrade_without_the_rights_names_the_setting(flask: RunFlask, empty: Flask) -> None:
    with role_with(empty, "CONNECT ON DATABASE postgres") as app:
        url = app.extensions["settings"].database_url
        ran = flask("wsgi", "db", "upgrade", DATABASE_URL=url)
    assert ran.exit_code == 1
    assert last_event(ran.stderr) == (
        "Error: 42501 permission denied for schema public."
        " Set DATABASE_URL_UNPOOLED to the URL of the role that owns the tables."
    )


def test_upgrade_that_waits_for_a_lock_says_what_to_end(
    flask: RunFlask, empty: Flask, hasty: str
) -> None:
    url = empty.extensions["settings"].database_url
    flask_migrate.upgrade(revision="0005")
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        connection.exec_driver_sql("LOCK TABLE tasks IN ACCESS SHARE MODE")
        ran = flask("wsgi", "db", "upgrade", "--directory", hasty, DATABASE_URL=plain(url))
    assert ran.exit_code == 1
    assert last_event(ran.stderr) == (
        "Error: 55P03 canceling statement due to lock timeout. End the transactions that use the"
        " tables for long, then run flask db upgrade again."
    )


@pytest.fixture
def newer(shared: Flask) -> str:
    """The URL of a database that a newer version has migrated."""
    with shared.extensions["engine"].connect() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    return plain(shared.extensions["settings"].database_url)


def test_upgrade_of_a_newer_database_only_warns(flask: RunFlask, newer: str) -> None:
    ran = flask("wsgi", "db", "upgrade", DATABASE_URL=newer)
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert [line["event"] for line in lines if line["level"] == "WARNING"] == [
        "The database has revision 9999, which this version does not know:"
        " a newer version made it. Nothing to upgrade."
    ]
    assert ran.exit_code == 0, ran.stderr


@pytest.mark.parametrize("command", ["current", "check", "downgrade"])
def test_other_commands_fail_on_a_newer_database(flask: RunFlask, newer: str, command: str) -> None:
    ran = flask("wsgi", "db", command, DATABASE_URL=newer)
    assert ran.exit_code == 1
    assert last_event(ran.stderr) == (
        "Error: Can't locate revision identified by '9999'. The database is newer than this code:"
        " deploy the newer code, or go back with its flask db downgrade."
    )


@needs("curl")
def test_flask_run_ends_with_a_curl_line_that_works(tmp_path: Path, database_url: str) -> None:
    port = free_port()
    log = tmp_path / "log"
    settings = {"FLASK_RUN_PORT": str(port), "DATABASE_URL": plain(database_url)}
    environ = environment() | GOOD | settings
    with (
        log.open("w") as output,
        processes.running(
            [*FLASK, "wsgi", "run"], cwd=tmp_path, env=environ, stdout=output, stderr=output
        ) as process,
    ):
        wait_until(lambda: "Bearer" in log.read_text(), "nothing is printed")
        printed = log.read_text()
        assert f"  docs   http://localhost:{port}/docs\n" in printed
        url = sa.make_url(database_url)
        place = url.host or url.query["host"]
        assert f"  data   database {url.database} on {place}" in printed
        shell = environ | {"FLASK_APP": "wsgi"}
        (command,) = re.findall(r"^  token  (.+)$", printed, re.MULTILINE)
        token = run(["sh", "-c", command], tmp_path, **shell)
        assert token.stdout.count(".") == 2, token.stderr
        line = printed.strip().splitlines()[-1]
        assert line.startswith("curl ")
        created = processes.run(["sh", "-c", line])
        assert json.loads(created.stdout)["title"] == "Buy milk"
        process.send_signal(signal.SIGINT)
        process.wait(LIMIT)


def test_embedded_data_is_named_by_its_folder() -> None:
    place = describe_database("embedded")
    assert place.startswith(f"{embedded.own_folder(EMBEDDED_FOLDER)}, ")


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_flask_run_on_a_port_in_use_is_one_line(flask: RunFlask, taken: int) -> None:
    ran = flask("wsgi", "run", FLASK_RUN_PORT=str(taken), **GOOD)
    assert (ran.exit_code, ran.output) == (
        1,
        f"Port {taken} is in use. Set FLASK_RUN_PORT to another one.\n",
    )


def test_flask_run_on_a_port_that_does_not_exist_is_one_line(flask: RunFlask) -> None:
    ran = flask("wsgi", "run", FLASK_RUN_PORT="65536", **GOOD)
    told = "Port 65536 does not exist. Set FLASK_RUN_PORT to 1 to 65535.\n"
    assert (ran.exit_code, ran.output) == (1, told)


def test_flask_run_on_an_address_of_another_machine_fails(flask: RunFlask) -> None:
    ran = flask("wsgi", "run", "--host", "203.0.113.1", **GOOD)
    assert ran.exit_code == 1
    assert "Cannot assign requested address" in ran.stderr


@pytest.mark.long
def test_gunicorn_on_a_port_in_use_is_one_line(tmp_path: Path, taken: int) -> None:
    server = Server(tmp_path / "log", "postgresql://host/db", 0, taken, **processes.measured())
    assert server.status() == 1
    logged = [line["event"] for line in server.lines() if line["level"] != "INFO"]
    assert logged == [
        f"('127.0.0.1', {taken}) is in use. Set PORT to another port, or --bind to another address."
    ]
