"""Which tokens are accepted, and what their claims mean.

Each kind of token that is rejected whatever the settings are is in tests/hostile/test_tokens.py.
"""

from time import time
from typing import Any

import pytest
from flask import Flask

from tests.support.api import location
from tests.support.client import Client, JsonResponse, MakeApp, Token
from todo_api.http import auth

OTHER_SECRET = "another-secret-0123456789abcdefghij"
MISSING_TOKEN_CHALLENGE = "Bearer"
INVALID_TOKEN_CHALLENGE = 'Bearer error="invalid_token"'


def assert_unauthorized(response: JsonResponse, challenge: str, detail: str) -> None:
    assert response.status_code == 401
    assert response.headers.getlist("WWW-Authenticate") == [challenge]
    assert response.json == {
        "detail": detail,
        "status_code": 401,
        "error_type": "authentication_error",
    }


def get_tasks(client: Client, authorization: str) -> JsonResponse:
    return client.get("/api/tasks", headers={"Authorization": authorization})


def test_valid_token_is_accepted(anonymous: Client, token: Token, user: str) -> None:
    assert get_tasks(anonymous, f"Bearer {token(user)}").json == []
    assert get_tasks(anonymous, f"bearer {token(user)}").status_code == 200


def test_missing_credentials_get_a_challenge_without_an_error(anonymous: Client) -> None:
    detail = "A valid bearer token is required"
    assert_unauthorized(anonymous.get("/api/tasks"), MISSING_TOKEN_CHALLENGE, detail)


def test_expired_token_is_named_as_expired(anonymous: Client, token: Token) -> None:
    response = get_tasks(anonymous, f"Bearer {token('ann', exp=1_700_000_000)}")
    assert_unauthorized(response, INVALID_TOKEN_CHALLENGE, "Token expired")


def test_times_with_a_fraction_are_accepted(anonymous: Client, token: Token) -> None:
    now = time()
    signed = token("ann", iat=now - 0.25, nbf=float(int(now)), exp=now + 900.25)
    assert get_tasks(anonymous, f"Bearer {signed}").status_code == 200


@pytest.mark.parametrize("sub", ["x" * 255, "1", " spaced ", "ünïcode", "7f9c2ba4-e88f-4e9d-8f5c"])
def test_subject_is_opaque(anonymous: Client, token: Token, sub: str) -> None:
    headers = {"Authorization": f"Bearer {token(sub)}"}
    created = anonymous.post("/api/tasks", json={"title": "x"}, headers=headers)
    assert created.json["user_id"] == sub
    assert anonymous.delete(location(created), headers=headers).status_code == 204


@pytest.mark.parametrize("jti", [5, None, "", [1]])
def test_jti_is_ignored(anonymous: Client, token: Token, jti: object) -> None:
    assert get_tasks(anonymous, f"Bearer {token('ann', jti=jti)}").status_code == 200


def test_audience_is_ignored_unless_configured(anonymous: Client, token: Token) -> None:
    assert get_tasks(anonymous, f"Bearer {token('ann', aud='https://other')}").status_code == 200


def test_ten_seconds_of_clock_skew_are_accepted(anonymous: Client, token: Token) -> None:
    now = int(time())
    assert get_tasks(anonymous, f"Bearer {token('ann', exp=now - 8)}").status_code == 200
    assert get_tasks(anonymous, f"Bearer {token('ann', iat=now + 8)}").status_code == 200
    assert get_tasks(anonymous, f"Bearer {token('ann', exp=now - 12)}").status_code == 401
    assert get_tasks(anonymous, f"Bearer {token('ann', iat=now + 15)}").status_code == 401


@pytest.fixture
def strict_app(make_app: MakeApp) -> Flask:
    """The service with an audience, an issuer and a previous secret."""
    return make_app(
        better_auth_secret_previous=OTHER_SECRET,
        jwt_audience="todo",
        jwt_issuer="https://auth.example.com",
    )


VALID_CLAIMS = {"aud": "todo", "iss": "https://auth.example.com"}


@pytest.mark.parametrize(
    "claims",
    [{}, {"aud": ["other", "todo"]}, {"key": OTHER_SECRET}],
    ids=["plain", "list", "previous"],
)
def test_audience_issuer_and_previous_secret_are_accepted(
    strict_app: Flask, token: Token, claims: dict[str, Any]
) -> None:
    signed = token("ann", **(VALID_CLAIMS | claims))
    assert get_tasks(Client(strict_app), f"Bearer {signed}").status_code == 200


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "other"},
        {"aud": None},
        {"iss": "https://evil.example.com"},
        {"iss": None},
        {"aud": "tod"},
        {"aud": "todo.*"},
        {"iss": "https://auth.example.co"},
        {"iss": "https://authXexample.com"},
        {"key": "a-third-secret-0123456789abcdefghij"},
        {"key": OTHER_SECRET, "aud": "other"},
    ],
)
def test_wrong_audience_issuer_or_key_is_rejected(
    strict_app: Flask, token: Token, claims: dict[str, Any]
) -> None:
    response = get_tasks(Client(strict_app), f"Bearer {token('ann', **(VALID_CLAIMS | claims))}")
    assert_unauthorized(response, INVALID_TOKEN_CHALLENGE, "A valid bearer token is required")


def test_expired_token_of_the_previous_secret_is_named_as_expired(
    strict_app: Flask, token: Token
) -> None:
    signed = token("ann", key=OTHER_SECRET, exp=1_700_000_000, **VALID_CLAIMS)
    response = get_tasks(Client(strict_app), f"Bearer {signed}")
    assert_unauthorized(response, INVALID_TOKEN_CHALLENGE, "Token expired")


def test_cached_token_expires(app: Flask, token: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(app)
    expiry = int(time()) + 3600
    headers = {"Authorization": f"Bearer {token('ann', exp=expiry)}"}
    assert client.get("/api/tasks", headers=headers).status_code == 200
    monkeypatch.setattr(auth, "time", lambda: expiry + auth.LEEWAY - 2)
    assert client.get("/api/tasks", headers=headers).status_code == 200
    monkeypatch.setattr(auth, "time", lambda: expiry + auth.LEEWAY)
    response = client.get("/api/tasks", headers=headers)
    assert (response.status_code, response.json["detail"]) == (401, "Token expired")
