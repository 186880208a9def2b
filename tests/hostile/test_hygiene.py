"""What every answer carries."""

import pytest

from tests.support.client import Client


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/tasks", None, 200),
        ("POST", "/api/tasks", {"title": "x"}, 201),
        ("POST", "/api/tasks", {}, 400),
        ("GET", "/api/tasks/0", None, 404),
        ("PUT", "/api/tasks", None, 405),
        ("OPTIONS", "/api/tasks", None, 200),
    ],
)
def test_answers_are_neither_cached_nor_sniffed(
    client: Client, method: str, path: str, body: object, status: int
) -> None:
    answer = client.open(path, method=method, json=body)
    assert answer.status_code == status
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "status", "directive"),
    [
        ("/health", 200, "no-store"),
        ("/ready", 200, "no-store"),
        ("/nope", 404, "no-store"),
        ("/docs/nope", 404, "no-store"),
        ("/docs/assets/nope", 404, "no-store"),
        ("/docs", 200, "no-cache"),
        ("/openapi.json", 200, "no-cache"),
    ],
)
def test_caches_store_no_probe_and_no_error(
    anonymous: Client, path: str, status: int, directive: str
) -> None:
    answer = anonymous.get(path)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (status, directive)


def test_docs_page_may_not_be_framed_and_loads_only_its_own(anonymous: Client) -> None:
    answer = anonymous.get("/docs")
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "persistAuthorization" not in answer.text


def test_refused_token_is_not_cached(anonymous: Client) -> None:
    assert anonymous.get("/api/tasks").headers["Cache-Control"] == "no-store"
