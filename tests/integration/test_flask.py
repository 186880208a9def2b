"""The service is a plain Flask application: what works in Flask works here."""

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from uuid import UUID

import flask
import pytest
import sqlalchemy as sa
from flask import Flask, jsonify, redirect, session, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client as WerkzeugClient
from werkzeug.wrappers import Response

from tests import ROOT, SECRET
from tests.support.api import add_tasks
from tests.support.client import Client, MakeApp, Token
from tests.support.serving import Endpoint
from tests.support.waiting import wait_until
from todo_api import create_app
from todo_api.config import Config, ConfigError
from todo_api.config_rules import EMBEDDED
from todo_api.database import embedded
from todo_api.database.engine import execute
from todo_api.logs import DebugFormatter


@pytest.fixture
def own(make_app: MakeApp) -> Flask:
    """The service, for a test that adds views."""
    return make_app()


def test_create_app_leaves_logging_alone(config: Config) -> None:
    root = logging.getLogger()
    before = (root.level, [*root.handlers], dict(vars(logging)))
    create_app(config).extensions["engine"].dispose()
    assert (root.level, root.handlers, vars(logging)) == before


def test_create_app_does_not_start_the_embedded_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object) -> str:
        raise AssertionError("started")

    monkeypatch.setattr(embedded, "start", start)
    app = create_app(Config(SECRET, EMBEDDED))
    with app.app_context(), pytest.raises(AssertionError, match="started"):
        execute(sa.select(sa.literal(1)))


def test_create_app_raises_for_an_invalid_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BETTER_AUTH_SECRET", "short")
    with pytest.raises(ConfigError, match="BETTER_AUTH_SECRET is shorter than 32 bytes"):
        create_app()


@pytest.mark.parametrize("config", [{}, "production", Config])
def test_create_app_takes_no_other_kind_of_config(config: Any) -> None:
    with pytest.raises(TypeError, match=r"create_app takes a todo_api\.config\.Config, not a "):
        create_app(config)


@pytest.mark.parametrize("mode", ["testing", "debug"])
def test_exception_propagates_in_tests_and_in_debug_mode(own: Flask, mode: str) -> None:
    @own.get("/broken")
    def broken() -> str:
        raise RuntimeError("seen by the developer")

    setattr(own, mode, True)
    with pytest.raises(RuntimeError, match="seen by the developer"):
        Client(own).get("/broken")


BROKEN = """
from todo_api.wsgi import app

@app.get("/broken")
def broken():
    app.logger.exception("logged", exc_info=ValueError("in the log"))
    raise RuntimeError("seen by the developer")
"""


@pytest.fixture
def debugged(tmp_path: Path) -> Iterator[tuple[Endpoint, Path]]:
    """`flask --debug run` of the service with a broken view, and its output."""
    endpoint, log = Endpoint(), tmp_path / "log"
    (tmp_path / "broken.py").write_text(BROKEN)
    command = [sys.executable, "-m", "flask", "--app", "broken", "--debug", "run", "--no-reload"]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    environ |= {"BETTER_AUTH_SECRET": SECRET, "DATABASE_URL": "postgresql://host/db"}
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "--port", str(endpoint.port)],
            cwd=tmp_path,
            env=environ,
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: "Bearer" in log.read_text(), "nothing is printed")
        yield endpoint, log
    finally:
        endpoint.stop(process)


def test_debug_mode_shows_the_debugger_and_readable_tracebacks(
    debugged: tuple[Endpoint, Path],
) -> None:
    endpoint, log = debugged
    connection = endpoint.connect()
    connection.request("GET", "/broken")
    response = connection.getresponse()
    page = response.read().decode()
    assert (response.status, response.headers.get_content_type()) == (500, "text/html")
    assert "RuntimeError: seen by the developer" in page
    expected = {"ValueError: in the log", "RuntimeError: seen by the developer"}
    # Werkzeug writes the second one after it has sent the page.
    wait_until(lambda: expected <= set(log.read_text().splitlines()), "a traceback is not readable")


def test_debug_log_has_the_traceback_after_its_line() -> None:
    try:
        raise ValueError("why")
    except ValueError:
        record = logging.makeLogRecord({"msg": "failed", "exc_info": sys.exc_info()})
    line, *traceback = DebugFormatter().format(record).splitlines()
    assert '"event":"failed"' in line
    assert "why" not in line
    assert (traceback[0], traceback[-1]) == (
        "Traceback (most recent call last):",
        "ValueError: why",
    )


def test_external_url_has_scheme_and_host(own: Flask) -> None:
    @own.get("/where")
    def where() -> str:
        return url_for("Tasks.get_task", task_id=7, _external=True)

    response = Client(own).get("/where", base_url="https://todo.example.com")
    assert response.text == "https://todo.example.com/api/tasks/7"


def test_path_without_its_slash_is_redirected(own: Flask) -> None:
    own.add_url_rule("/page/", view_func=lambda: "the page", endpoint="page")
    response = Client(own).get("/page")
    assert response.headers["Location"] == "http://localhost/page/"
    assert Client(own).get("/page", follow_redirects=True).text == "the page"


@pytest.mark.parametrize("answer", [lambda: redirect("/é"), lambda: ("", 201, {"Location": "/é"})])
def test_location_that_is_not_ascii_is_encoded(own: Flask, answer: Callable[[], Response]) -> None:
    own.add_url_rule("/go", view_func=answer, endpoint="go")
    assert Client(own).get("/go").headers["Location"] == "/%C3%A9"


def test_async_view_asks_for_the_extra_of_flask(
    own: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    @own.get("/later")
    async def later() -> str:
        return "done"

    own.testing = True
    monkeypatch.setitem(sys.modules, "asgiref.sync", None)
    with pytest.raises(RuntimeError, match="Install Flask with the 'async' extra"):
        Client(own).get("/later")
    monkeypatch.setattr(own, "async_to_sync", lambda view: lambda **kw: asyncio.run(view(**kw)))
    assert Client(own).get("/later").text == "done"


def test_session_asks_for_a_secret_key(own: Flask) -> None:
    @own.get("/visits")
    def visits() -> str:
        session["visits"] = session.get("visits", 0) + 1
        return str(session["visits"])

    own.testing = True
    with pytest.raises(RuntimeError, match="secret key"):
        Client(own).get("/visits")
    own.secret_key = SECRET
    client = Client(own)
    assert [client.get("/visits").text for _ in range(2)] == ["1", "2"]


def test_proxies_of_flask_work(own: Flask) -> None:
    @own.before_request
    def remember() -> None:
        flask.g.name = flask.request.args.get("name")

    @own.get("/greet")
    def greet() -> dict[str, Any]:
        return {"name": flask.g.name, "app": flask.current_app.name}

    assert Client(own).get("/greet?name=Ann").json == {"name": "Ann", "app": "todo_api"}


@dataclass
class Point:
    x: Decimal


class Html:
    def __html__(self) -> str:
        return "<b>"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("1.50"), '"1.50"'),
        (UUID(int=0), '"00000000-0000-0000-0000-000000000000"'),
        (date(2026, 1, 2), '"2026-01-02"'),
        (datetime(2026, 1, 2, tzinfo=UTC), '"2026-01-02T00:00:00Z"'),
        ([datetime(2026, 1, 2, tzinfo=UTC), Decimal(1)], '["2026-01-02T00:00:00Z","1"]'),
        (Point(Decimal(1)), '{"x":"1"}'),
        ({1: "a", None: "b", False: "c"}, '{"1":"a","null":"b","false":"c"}'),
        (Html(), '"<b>"'),
        (2**64, "18446744073709551616"),
        ((1, 2), "[1,2]"),
        ("\ud800", '"\\ud800"'),
        ({"b": 1, "a": 2}, '{"b":1,"a":2}'),
        (MultiDict([("a", 1), ("a", 2)]), '{"a":1}'),
    ],
)
def test_jsonify_takes_what_flask_takes(own: Flask, value: object, written: str) -> None:
    with own.test_request_context():
        assert jsonify(value).get_data(as_text=True).rstrip() == written


def test_jsonify_takes_arguments_and_formats_as_flask_does(own: Flask) -> None:
    with own.test_request_context():
        assert jsonify(1, 2).json == [1, 2]
        assert jsonify(a=1).json == {"a": 1}
        with pytest.raises(TypeError):
            jsonify(object())
        with pytest.raises(TypeError):
            jsonify(1, a=1)
        own.json.sort_keys = True  # type: ignore[attr-defined]
        assert jsonify({"b": 1, "a": 2}).get_data(as_text=True) == '{"a":2,"b":1}\n'
        own.json.compact = False  # type: ignore[attr-defined]
        assert jsonify({"b": 1}).get_data(as_text=True) == '{\n  "b": 1\n}\n'


@pytest.fixture(params=["/todo", "/v1/todo"])
def mounted(own: Flask, request: pytest.FixtureRequest) -> tuple[WerkzeugClient, str]:
    """A client of the service below a prefix, and its URL."""
    mount = DispatcherMiddleware(Flask("host"), {request.param: own})
    return WerkzeugClient(mount), f"http://localhost{request.param}"


def test_references_lead_below_the_prefix(
    own: Flask, mounted: tuple[WerkzeugClient, str], token: Token, user: str
) -> None:
    client, url = mounted
    headers = {"Authorization": f"Bearer {token(user)}"}
    created = client.post(f"{url}/api/tasks", json={"title": "x"}, headers=headers)
    task = urljoin(f"{url}/api/tasks", created.headers["Location"])
    assert client.get(task, headers=headers).json == created.json
    add_tasks(own, user, 1)
    page = client.get(f"{url}/api/tasks?limit=1", headers=headers)
    following = urljoin(
        f"{url}/api/tasks?limit=1", page.headers["Link"].split("<")[1].split(">")[0]
    )
    assert client.get(following, headers=headers).json == [created.json]


def test_docs_page_works_below_a_prefix(mounted: tuple[WerkzeugClient, str]) -> None:
    client, url = mounted
    page = urljoin(f"{url}/", client.get(f"{url}/").headers["Location"])
    assert page == f"{url}/docs"
    text = client.get(page).text
    style, document = (text.split(start)[1].split('"')[0] for start in ('<link href="', '"url": "'))
    with client.get(urljoin(page, style)) as asset:
        assert asset.status_code == 200
    described: Any = client.get(urljoin(page, document)).json
    server = urljoin(urljoin(page, document), described["servers"][0]["url"])
    assert server == f"{url}/"
