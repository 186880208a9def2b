"""Every error has the same shape, wherever it is raised."""

import io
import json
from typing import Any

import pytest
from flask import Flask
from werkzeug.exceptions import ImATeapot

from tests.support.api import body_error
from tests.support.client import Client, JsonResponse, MakeApp

KIB_128 = 128 * 1024


def post(client: Client, body: bytes, content_type: str = "application/json") -> JsonResponse:
    return client.post("/api/tasks", data=body, content_type=content_type)


@pytest.mark.parametrize(
    "path",
    ["/api", "/api/", "/api/tasks/", "/api//tasks", "/api/tasks/x", "/nope", "/api/tasks/1/"],
)
def test_unknown_path_is_not_found(anonymous: Client, path: str) -> None:
    response = anonymous.get(path)
    assert response.status_code == 404
    assert response.content_type == "application/json"
    assert response.json == {
        "detail": response.json["detail"],
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
def test_wrong_method_lists_the_allowed_ones(
    client: Client, method: str, path: str, allow: set[str]
) -> None:
    response = client.open(path, method=method)
    assert response.status_code == 405
    assert set(response.allow) == {name.lower() for name in allow} or set(response.allow) == allow
    assert response.json == {
        "detail": response.json["detail"],
        "status_code": 405,
        "error_type": "method_not_allowed_error",
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "A JSON object is required."),
        (b"{", "Not valid JSON: "),
        (b"\xef\xbb\xbf{}", "Not valid JSON: a byte order mark."),
        (b"{'title': 'x'}", "Not valid JSON: "),
        (b'{"title": "x",}', "Not valid JSON: "),
        (b'{"title": "x"} x', "Not valid JSON: "),
        (b'{"title": "x", "title": "y"}', "Not valid JSON: duplicate key in an object."),
        (b'{"title": "x", "completed": NaN}', "Not valid JSON: "),
        (b'{"title": "x", "completed": Infinity}', "Not valid JSON: "),
        (b'{"title": "\xff"}', "Not valid JSON: not UTF-8. Encode the body as UTF-8."),
        (b'\xef\xbb\xbf{"title": "x"}', "Not valid JSON: "),
        ('{"title": "x"}'.encode("utf-16"), "Not valid JSON: "),
        (b'{"title": ' + b"9" * 5_000 + b"}", "Not valid JSON: a number with too many digits."),
        (
            b'{"title": ' + b"[" * 60_000 + b"]" * 60_000 + b"}",
            "Not valid JSON: arrays or objects nested too deeply.",
        ),
        (b'{"\\ud800": 1}', "Not valid JSON: a name with a lone surrogate."),
        (b"null", "Must be a JSON object."),
        (b"[]", "Must be a JSON object."),
        (b'"title"', "Must be a JSON object."),
        (b"7", "Must be a JSON object."),
    ],
)
def test_malformed_json_and_non_objects_are_rejected(
    client: Client, body: bytes, message: str
) -> None:
    response = post(client, body)
    assert response.status_code == 400
    text = response.json["errors"][0]["msg"]
    assert text.startswith(message)
    assert response.json == body_error("", text)
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
def test_other_content_type_is_rejected(client: Client, content_type: str) -> None:
    response = post(client, b'{"title": "x"}', content_type)
    assert (response.status_code, response.json) == (
        415,
        {
            "detail": "The body must be JSON. Send it with Content-Type: application/json.",
            "status_code": 415,
            "error_type": "unsupported_media_type_error",
        },
    )


def test_compressed_body_is_rejected(client: Client) -> None:
    response = client.post("/api/tasks", json={"title": "x"}, headers={"Content-Encoding": "gzip"})
    assert response.status_code == 415
    assert response.json["detail"] == "The body is compressed. Send it without a Content-Encoding."
    assert response.headers["Accept-Encoding"] == "identity"


def test_identity_in_any_case_is_no_compression(client: Client) -> None:
    identity = {"Content-Encoding": "Identity"}
    assert client.post("/api/tasks", json={"title": "x"}, headers=identity).status_code == 201


def test_json_with_a_charset_is_accepted(client: Client) -> None:
    body = '{"title": "é"}'.encode()
    assert post(client, body, "application/json; charset=utf-8").status_code == 201


def padded(size: int) -> bytes:
    body = json.dumps({"title": "x"}).encode()
    return body + b" " * (size - len(body))


@pytest.mark.parametrize(
    ("size", "status"), [(KIB_128 - 1, 201), (KIB_128, 201), (KIB_128 + 1, 413)]
)
def test_body_of_128_kib_is_accepted(client: Client, size: int, status: int) -> None:
    assert post(client, padded(size)).status_code == status


@pytest.mark.parametrize(
    "environ", [{"wsgi.input_terminated": True}, {}], ids=["gunicorn", "flask run"]
)
def test_truncated_body_is_rejected(client: Client, environ: dict[str, bool]) -> None:
    cut_off = {"CONTENT_LENGTH": "99", **environ}
    response = client.post("/api/tasks", json={"title": "x"}, environ_overrides=cut_off)
    message = "The body is shorter than its Content-Length. Send all of it."
    assert (response.status_code, response.json) == (400, body_error("", message))
    assert client.get("/api/tasks").json == []


def test_truncated_body_that_is_too_large_is_a_413(client: Client) -> None:
    cut_off = {"CONTENT_LENGTH": str(KIB_128 + 1), "wsgi.input_terminated": True}
    response = client.post("/api/tasks", json={"title": "x"}, environ_overrides=cut_off)
    assert response.status_code == 413


@pytest.mark.parametrize("size", [KIB_128 + 1, 1024 * 1024 + 1])
def test_larger_body_is_rejected(client: Client, size: int) -> None:
    response = post(client, padded(size))
    assert response.headers["Connection"] == "close"
    assert (response.status_code, response.json) == (
        413,
        {
            "detail": "The body is too large. Send at most 128 KiB.",
            "status_code": 413,
            "error_type": "payload_too_large_error",
        },
    )
    assert client.get("/api/tasks").json == []


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "PUT", "DELETE"])
def test_body_without_a_content_length_is_rejected(client: Client, method: str) -> None:
    response = client.open(
        "/api/tasks/1", method=method, headers={"Transfer-Encoding": "chunked"}, data=b"{}"
    )
    assert response.headers["Connection"] == "close"
    assert (response.status_code, response.json) == (
        411,
        {
            "detail": "Send the body with a Content-Length, not a Transfer-Encoding.",
            "status_code": 411,
            "error_type": "length_required_error",
        },
    )


def test_unlisted_status_code_gets_an_error_type(app: Flask) -> None:
    with app.test_request_context():
        response = app.make_response(app.handle_http_exception(ImATeapot()))
    body: dict[str, Any] = response.get_json()
    assert body["error_type"] == "im_a_teapot_error"


def test_unexpected_exception_reveals_nothing(make_app: MakeApp) -> None:
    app = make_app()

    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("the secret is hunter2")

    response = Client(app).get("/broken", headers={"Origin": "http://localhost:3000"})
    assert response.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    assert (response.status_code, response.json) == (
        500,
        {
            "detail": "Internal error."
            " Quote the X-Request-ID header of this response when you report it.",
            "status_code": 500,
            "error_type": "internal_server_error",
        },
    )


def test_reset_connection_is_a_400(client: Client) -> None:
    class Reset(io.BytesIO):
        def read(self, _: int | None = -1) -> bytes:
            raise ConnectionResetError

    response = client.post(
        "/api/tasks",
        content_type="application/json",
        environ_overrides={
            "wsgi.input": Reset(),
            "wsgi.input_terminated": True,
            "CONTENT_LENGTH": "14",
        },
    )
    assert response.status_code == 400


def test_long_field_name_is_shortened_in_the_error(client: Client) -> None:
    response = client.post("/api/tasks", json={"title": "x", "k" * 130_000: 1})
    assert response.json == body_error("k" * 100, "Unknown field.")


def test_query_names_that_flask_uses_are_unknown_parameters(client: Client) -> None:
    for name in ("endpoint", "_anchor", "_method", "_scheme", "_external", "values"):
        response = client.get("/api/tasks", query_string={name: "x", "q": "a" * 1_400})
        assert response.status_code == 400
        assert response.json["errors"][0]["loc"][0] == "query"


def test_unknown_path_is_named_as_such(anonymous: Client) -> None:
    for path in ("/nope", "/api/nope", "/api/tasks/1-nope"):
        assert anonymous.get(path).json["detail"] == "No such path."
