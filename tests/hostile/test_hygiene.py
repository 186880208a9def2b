"""Headers of every response."""

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
def test_responses_forbid_caching_and_sniffing(
    client: Client, method: str, path: str, body: object, status: int
) -> None:
    response = client.open(path, method=method, json=body)
    assert response.status_code == status
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


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
def test_probes_and_errors_are_not_cached(
    anonymous: Client, path: str, status: int, directive: str
) -> None:
    response = anonymous.get(path)
    assert (response.status_code, response.headers["Cache-Control"]) == (status, directive)


def test_failed_condition_on_a_file_has_the_body_of_every_error(anonymous: Client) -> None:
    response = anonymous.get("/docs/assets/index.css", headers={"If-Match": '"no"'})
    assert (response.status_code, response.json) == (
        412,
        {
            "detail": "The file has changed. Get it again.",
            "status_code": 412,
            "error_type": "precondition_failed_error",
        },
    )
    assert response.headers.getlist("Cache-Control") == ["no-store"]


def test_docs_page_has_a_strict_content_security_policy(anonymous: Client) -> None:
    response = anonymous.get("/docs")
    policy = response.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "persistAuthorization" not in response.text


def test_rejected_token_is_not_cached(anonymous: Client) -> None:
    assert anonymous.get("/api/tasks").headers["Cache-Control"] == "no-store"
