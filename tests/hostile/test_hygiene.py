"""What every answer carries."""

import pytest
from flask.testing import FlaskClient


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
    client: FlaskClient, method: str, path: str, body: object, status: int
) -> None:
    answer = client.open(path, method=method, json=body)
    assert answer.status_code == status
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_refused_token_is_not_cached(anonymous: FlaskClient) -> None:
    assert anonymous.get("/api/tasks").headers["Cache-Control"] == "no-store"
