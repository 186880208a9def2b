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


@pytest.mark.parametrize("path", ["/docs/assets/index.css", "/docs", "/openapi.json"])
@pytest.mark.parametrize("tag", ['"no"', "no"])
def test_failed_condition_on_a_page_has_the_body_of_every_error(
    anonymous: Client, path: str, tag: str
) -> None:
    response = anonymous.get(path, headers={"If-Match": tag})
    assert (response.status_code, response.json) == (
        412,
        {
            "detail": "This has changed. Get it again, without If-Match.",
            "status_code": 412,
            "error_type": "precondition_failed_error",
        },
    )
    assert response.headers.getlist("Cache-Control") == ["no-store"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/docs/assets/index.css", "/docs", "/openapi.json"])
def test_page_that_a_browser_has_is_not_sent_again(
    anonymous: Client, path: str, method: str
) -> None:
    with anonymous.get(path) as whole:
        tag = whole.headers["ETag"]
    for tags in (tag, f"W/{tag}", f'"no", {tag}', "*"):
        with anonymous.open(path, method=method, headers={"If-None-Match": tags}) as kept:
            assert (kept.status_code, kept.data) == (304, b"")
            assert kept.headers["ETag"] == tag
            assert kept.headers["Cache-Control"] == "no-cache"
    with anonymous.get(path, headers={"If-None-Match": '"no"'}) as sent:
        assert sent.status_code == 200


@pytest.mark.parametrize(
    ("method", "range_", "status"),
    [
        ("GET", "bytes=0-9", 206),
        ("GET", "Bytes=0-9", 206),
        ("GET", "bytes=99999999-", 416),
        ("GET", "lines=0-9", 200),
        ("GET", "nonsense", 200),
        ("GET", "", 200),
        ("HEAD", "bytes=0-9", 200),
        ("HEAD", "bytes=99999999-", 200),
    ],
)
def test_range_that_the_server_does_not_know_is_ignored(
    anonymous: Client, method: str, range_: str, status: int
) -> None:
    headers = {"Range": range_}
    with anonymous.open("/docs/assets/index.css", method=method, headers=headers) as response:
        assert response.status_code == status
        assert ("Content-Range" in response.headers) is (status != 200)


def test_docs_page_has_a_strict_content_security_policy(anonymous: Client) -> None:
    response = anonymous.get("/docs")
    policy = response.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "persistAuthorization" not in response.text


def test_rejected_token_is_not_cached(anonymous: Client) -> None:
    assert anonymous.get("/api/tasks").headers["Cache-Control"] == "no-store"
