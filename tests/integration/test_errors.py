"""Every error has the one shape, whoever raises it."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.exceptions import ImATeapot

from tests.support.client import Client, MakeApp
from todo_api import db

KIB_128 = 128 * 1024


def post(client: Client, body: bytes, content_type: str = "application/json") -> Any:
    return client.post("/api/tasks", data=body, content_type=content_type)


@pytest.mark.parametrize(
    "path",
    ["/", "/api", "/api/", "/api/tasks/", "/api//tasks", "/api/tasks/x", "/nope", "/api/tasks/1/"],
)
def test_unknown_path_is_not_found(anonymous: Client, path: str) -> None:
    answer = anonymous.get(path)
    assert answer.status_code == 404
    assert answer.content_type == "application/json"
    assert answer.json == {
        "detail": answer.json["detail"],
        "status_code": 404,
        "error_type": "not_found_error",
    }


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/api/tasks", {"GET", "HEAD", "OPTIONS", "POST", "PATCH", "DELETE"}),
        ("POST", "/api/tasks/1", {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"}),
        ("GET", "/api/tasks/1/complete", {"OPTIONS", "PATCH"}),
        ("POST", "/health", {"GET", "HEAD", "OPTIONS"}),
        ("TRACE", "/api/tasks", {"GET", "HEAD", "OPTIONS", "POST", "PATCH", "DELETE"}),
    ],
)
def test_wrong_method_names_the_right_ones(
    client: Client, method: str, path: str, allow: set[str]
) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == 405
    assert set(answer.allow) == {name.lower() for name in allow} or set(answer.allow) == allow
    assert answer.json == {
        "detail": answer.json["detail"],
        "status_code": 405,
        "error_type": "method_not_allowed_error",
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "A JSON object is required."),
        (b"{", "Not valid JSON: "),
        (b"{'title': 'x'}", "Not valid JSON: "),
        (b'{"title": "x",}', "Not valid JSON: "),
        (b'{"title": "x"} x', "Not valid JSON: "),
        (b'{"title": "x", "title": "y"}', "Not valid JSON: a name stands twice in an object."),
        (b'{"title": "x", "completed": NaN}', "Not valid JSON: "),
        (b'{"title": "x", "completed": Infinity}', "Not valid JSON: "),
        (b'{"title": "\xff"}', "Not valid JSON: "),
        (b'\xef\xbb\xbf{"title": "x"}', "Not valid JSON: "),
        ('{"title": "x"}'.encode("utf-16"), "Not valid JSON: "),
        (b'{"title": ' + b"9" * 5_000 + b"}", "Not valid JSON: "),
        (b'{"title": ' + b"[" * 60_000 + b"]" * 60_000 + b"}", "Not valid JSON: "),
        (b'{"\\ud800": 1}', "Not valid JSON: "),
        (b"null", "Must be a JSON object."),
        (b"[]", "Must be a JSON object."),
        (b'"title"', "Must be a JSON object."),
        (b"7", "Must be a JSON object."),
    ],
)
def test_what_is_no_json_object_is_refused(client: Client, body: bytes, message: str) -> None:
    answer = post(client, body)
    assert answer.status_code == 400
    told = answer.json["errors"][0]["msg"]
    assert told.startswith(message)
    assert answer.json == {
        "detail": f"body: {told}",
        "status_code": 400,
        "error_type": "validation_error",
        "errors": [{"loc": ["body"], "msg": told, "type": "invalid"}],
    }
    assert client.get("/api/tasks").json == []


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/xml",
    ],
)
def test_body_of_another_type_is_refused(client: Client, content_type: str) -> None:
    answer = post(client, b'{"title": "x"}', content_type)
    assert (answer.status_code, answer.json) == (
        415,
        {
            "detail": "The body must be JSON, with Content-Type: application/json",
            "status_code": 415,
            "error_type": "unsupported_media_type_error",
        },
    )


def test_compressed_body_is_refused(client: Client) -> None:
    answer = client.post("/api/tasks", json={"title": "x"}, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 415
    assert answer.json["detail"] == "The body must be sent without a Content-Encoding."


def test_charset_of_json_is_accepted(client: Client) -> None:
    body = '{"title": "é"}'.encode()
    assert post(client, body, "application/json; charset=utf-8").status_code == 201


def padded(size: int) -> bytes:
    body = json.dumps({"title": "x"}).encode()
    return body + b" " * (size - len(body))


@pytest.mark.parametrize(
    ("size", "status"), [(KIB_128 - 1, 201), (KIB_128, 201), (KIB_128 + 1, 413)]
)
def test_body_may_have_128_kib(client: Client, size: int, status: int) -> None:
    assert post(client, padded(size)).status_code == status


def test_body_that_was_cut_short_is_refused(client: Client) -> None:
    terminated_as_gunicorn_does = {"wsgi.input_terminated": True, "CONTENT_LENGTH": "99"}
    answer = client.post(
        "/api/tasks", json={"title": "x"}, environ_overrides=terminated_as_gunicorn_does
    )
    assert (answer.status_code, answer.json["detail"]) == (
        400,
        "body: Shorter than its Content-Length.",
    )
    assert client.get("/api/tasks").json == []


@pytest.mark.parametrize("size", [KIB_128 + 1, 1024 * 1024 + 1])
def test_larger_body_is_refused(client: Client, size: int) -> None:
    answer = post(client, padded(size))
    assert answer.headers["Connection"] == "close"
    assert (answer.status_code, answer.json) == (
        413,
        {
            "detail": "What was sent is larger than 128 KiB.",
            "status_code": 413,
            "error_type": "payload_too_large_error",
        },
    )
    assert client.get("/api/tasks").json == []


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "PUT", "DELETE"])
def test_body_of_unknown_length_is_refused(client: Client, method: str) -> None:
    answer = client.open(
        "/api/tasks/1", method=method, headers={"Transfer-Encoding": "chunked"}, data=b"{}"
    )
    assert answer.headers["Connection"] == "close"
    assert (answer.status_code, answer.json) == (
        411,
        {
            "detail": "Send the body with a Content-Length, not a Transfer-Encoding.",
            "status_code": 411,
            "error_type": "length_required_error",
        },
    )


def test_status_without_a_name_of_its_own_gets_one(app: Flask) -> None:
    with app.test_request_context():
        response = app.make_response(app.handle_http_exception(ImATeapot()))
    assert response.json["error_type"] == "im_a_teapot_error"


def test_unplanned_exception_tells_nothing(make_app: MakeApp) -> None:
    app = make_app()

    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("the secret is hunter2")

    answer = Client(app).get("/broken", headers={"Origin": "http://localhost:3000"})
    assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    assert (answer.status_code, answer.json) == (
        500,
        {
            "detail": "An internal error; the log has it under the X-Request-ID of this answer.",
            "status_code": 500,
            "error_type": "internal_server_error",
        },
    )


UNAVAILABLE = {
    "detail": "The database cannot answer now; try again.",
    "status_code": 503,
    "error_type": "service_unavailable_error",
}


def assert_unavailable(answer: Any) -> None:
    assert (answer.status_code, answer.json) == (503, UNAVAILABLE)
    assert answer.headers["Retry-After"] == "1"


@pytest.fixture
def with_client(make_app: MakeApp, client: Client) -> Callable[..., Client]:
    """Make a client of a service with other settings."""

    def make(**settings: Any) -> Client:
        return Client(make_app(**settings), client.token)

    return make


def test_absent_database_is_unavailable(with_client: Callable[..., Client]) -> None:
    client = with_client(database_url="postgresql+psycopg2://u:p@127.0.0.1:1/db")
    assert_unavailable(client.get("/api/tasks"))
    assert_unavailable(client.get("/ready"))
    assert client.get("/health").json == {"status": "ok"}


def test_slow_statement_is_unavailable(with_client: Callable[..., Client]) -> None:
    client = with_client(statement_timeout=0.05)

    @client.application.get("/slow")
    def slow() -> str:
        db.session().execute(sa.text("SELECT pg_sleep(5)"))
        return "never"

    assert_unavailable(client.get("/slow"))
    assert client.get("/ready").status_code == 200


def test_connections_all_in_use_is_unavailable(with_client: Callable[..., Client]) -> None:
    client = with_client(pool_size=1, pool_timeout=0.05)
    engine = client.application.extensions["engine"]
    with engine.connect():
        assert_unavailable(client.get("/api/tasks"))
        assert client.get("/health").status_code == 200
    assert client.get("/api/tasks").status_code == 200


def test_read_only_database_answers_reads_alone(
    with_client: Callable[..., Client], database_url: str
) -> None:
    url = sa.make_url(database_url).update_query_dict(
        {"options": "-c default_transaction_read_only=on"}
    )
    client = with_client(database_url=url.render_as_string(hide_password=False))
    assert client.get("/api/tasks").status_code == 200
    assert_unavailable(client.post("/api/tasks", json={"title": "x"}))


def test_terminated_connections_are_replaced_unseen(
    with_client: Callable[..., Client], server: str
) -> None:
    client = with_client(pool_size=1)
    engine = client.application.extensions["engine"]
    with engine.connect() as connection:
        backend = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    with sa.create_engine(server, poolclass=sa.NullPool).connect() as connection:
        connection.execute(sa.text("SELECT pg_terminate_backend(:pid, 2000)"), {"pid": backend})
    assert client.get("/api/tasks").status_code == 200


def test_our_own_mistake_is_not_the_databases(with_client: Callable[..., Client]) -> None:
    client = with_client()

    @client.application.get("/mistake")
    def mistake() -> str:
        db.session().execute(sa.text("SELECT no_such_column"))
        return "never"

    assert client.get("/mistake").status_code == 500


def test_connection_that_is_reset_is_no_500(client: Client) -> None:
    class Reset(io.BytesIO):
        def read(self, _: int | None = -1) -> bytes:
            raise ConnectionResetError

    answer = client.post(
        "/api/tasks",
        content_type="application/json",
        environ_overrides={
            "wsgi.input": Reset(),
            "wsgi.input_terminated": True,
            "CONTENT_LENGTH": "14",
        },
    )
    assert answer.status_code == 400


def test_long_name_is_not_sent_back_whole(client: Client) -> None:
    answer = client.post("/api/tasks", json={"title": "x", "k" * 130_000: 1})
    assert answer.json["detail"] == f"body.{'k' * 100}: Unknown field."
    assert answer.json["errors"][0]["loc"] == ["body", "k" * 100]
