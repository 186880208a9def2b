"""Which tokens are taken, and what a stranger is told."""

from time import time
from typing import Any

import pytest
from flask import Flask

from tests import SECRET
from tests.support.client import Client, MakeApp, Token
from todo_api import auth

OTHER_SECRET = "another-secret-0123456789abcdefghij"
NO_CREDENTIALS = "Bearer"
INVALID_TOKEN = 'Bearer error="invalid_token"'


def assert_refused(answer: Any, challenge: str, detail: str) -> None:
    assert answer.status_code == 401
    assert answer.headers.getlist("WWW-Authenticate") == [challenge]
    assert answer.json == {
        "detail": detail,
        "status_code": 401,
        "error_type": "authentication_error",
    }


def ask(client: Client, authorization: str) -> Any:
    return client.get("/api/tasks", headers={"Authorization": authorization})


def test_valid_token_is_taken(anonymous: Client, token: Token, user: str) -> None:
    assert ask(anonymous, f"Bearer {token(user)}").json == []
    assert ask(anonymous, f"bearer {token(user)}").status_code == 200


def test_no_credentials_is_a_challenge_without_an_error(anonymous: Client) -> None:
    detail = "A valid bearer token is required"
    assert_refused(anonymous.get("/api/tasks"), NO_CREDENTIALS, detail)
    assert_refused(ask(anonymous, "Basic dXNlcjpwYXNz"), NO_CREDENTIALS, detail)


@pytest.mark.parametrize(
    "authorization",
    ["Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Bearer  a.b.c", "Bearer é.è.à"],
)
def test_malformed_token_is_refused(anonymous: Client, authorization: str) -> None:
    answer = ask(anonymous, authorization)
    assert_refused(answer, INVALID_TOKEN, "A valid bearer token is required")


def test_expired_token_is_told_so(anonymous: Client, token: Token) -> None:
    answer = ask(anonymous, f"Bearer {token('ann', exp=1_700_000_000)}")
    assert_refused(answer, INVALID_TOKEN, "Token expired")


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": None},
        {"exp": None},
        {"iat": None},
        {"sub": None, "id": "ann"},
        {"sub": None, "userId": "ann"},
        {"sub": None, "user": {"id": "ann"}, "email": "ann@example.com"},
        {"sub": ""},
        {"sub": " \t"},
        {"sub": "x" * 256},
        {"sub": "a\u0000b"},
        {"sub": "a\ud800b"},
        {"sub": 7},
        {"sub": ["ann"]},
        {"exp": "9999999999"},
        {"exp": "soon"},
        {"iat": True},
        {"iat": "1700000000"},
        {"iat": 9999999999},
        {"nbf": 9999999999},
        {"nbf": "1700000000"},
    ],
)
def test_token_with_unsound_claims_is_refused(
    anonymous: Client, token: Token, claims: dict[str, Any]
) -> None:
    signed = token(claims.pop("sub", "ann"), **claims)
    answer = ask(anonymous, f"Bearer {signed}")
    assert_refused(answer, INVALID_TOKEN, "A valid bearer token is required")


def test_times_with_a_fraction_are_accepted(anonymous: Client, token: Token) -> None:
    now = time()
    signed = token("ann", iat=now - 0.25, nbf=float(int(now)), exp=now + 900.25)
    assert ask(anonymous, f"Bearer {signed}").status_code == 200


def test_deeply_nested_token_is_refused(anonymous: Client) -> None:
    nested = "W1tb" * 1_500  # base64url of [[[
    answer = ask(anonymous, f"Bearer {nested}.e30.x")
    assert_refused(answer, INVALID_TOKEN, "A valid bearer token is required")


@pytest.mark.parametrize(("key", "algorithm"), [(OTHER_SECRET, "HS256"), (SECRET * 2, "HS512")])
def test_token_signed_otherwise_is_refused(
    anonymous: Client, token: Token, key: str, algorithm: str
) -> None:
    answer = ask(anonymous, f"Bearer {token('ann', key=key, algorithm=algorithm)}")
    assert_refused(answer, INVALID_TOKEN, "A valid bearer token is required")


def test_unsigned_token_is_refused(anonymous: Client, token: Token) -> None:
    answer = ask(anonymous, f"Bearer {token('ann', key='', algorithm='none')}")
    assert_refused(answer, INVALID_TOKEN, "A valid bearer token is required")


@pytest.mark.parametrize("sub", ["x" * 255, "1", " spaced ", "ünïcode", "7f9c2ba4-e88f-4e9d-8f5c"])
def test_subject_is_opaque(anonymous: Client, token: Token, sub: str) -> None:
    headers = {"Authorization": f"Bearer {token(sub)}"}
    created = anonymous.post("/api/tasks", json={"title": "x"}, headers=headers)
    assert created.json["user_id"] == sub
    assert anonymous.delete(created.headers["Location"], headers=headers).status_code == 204


def test_audience_is_not_looked_at_unless_it_is_set(anonymous: Client, token: Token) -> None:
    assert ask(anonymous, f"Bearer {token('ann', aud='https://other')}").status_code == 200


def test_ten_seconds_of_clock_difference_are_forgiven(anonymous: Client, token: Token) -> None:
    now = int(time())
    assert ask(anonymous, f"Bearer {token('ann', exp=now - 8)}").status_code == 200
    assert ask(anonymous, f"Bearer {token('ann', iat=now + 8)}").status_code == 200
    assert ask(anonymous, f"Bearer {token('ann', exp=now - 12)}").status_code == 401
    assert ask(anonymous, f"Bearer {token('ann', iat=now + 15)}").status_code == 401


@pytest.mark.parametrize("place", ["?token={}", "?access_token={}"])
def test_token_in_the_query_is_no_token(anonymous: Client, token: Token, place: str) -> None:
    answer = anonymous.get("/api/tasks" + place.format(token("ann")))
    assert_refused(answer, NO_CREDENTIALS, "A valid bearer token is required")


@pytest.fixture
def strict_app(make_app: MakeApp) -> Flask:
    """The service with an audience, an issuer and a secret that is being rotated out."""
    return make_app(
        better_auth_secret_previous=OTHER_SECRET,
        jwt_audience="todo",
        jwt_issuer="https://auth.example.com",
    )


RIGHT = {"aud": "todo", "iss": "https://auth.example.com"}


@pytest.mark.parametrize(
    "claims",
    [{}, {"aud": ["other", "todo"]}, {"key": OTHER_SECRET}],
    ids=["plain", "list", "previous"],
)
def test_audience_issuer_and_previous_secret_are_taken(
    strict_app: Flask, token: Token, claims: dict[str, Any]
) -> None:
    signed = token("ann", **(RIGHT | claims))
    assert ask(Client(strict_app), f"Bearer {signed}").status_code == 200


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "other"},
        {"aud": None},
        {"iss": "https://evil.example.com"},
        {"iss": None},
        {"key": "a-third-secret-0123456789abcdefghij"},
        {"key": OTHER_SECRET, "aud": "other"},
    ],
)
def test_wrong_audience_issuer_or_key_is_refused(
    strict_app: Flask, token: Token, claims: dict[str, Any]
) -> None:
    answer = ask(Client(strict_app), f"Bearer {token('ann', **(RIGHT | claims))}")
    assert_refused(answer, INVALID_TOKEN, "A valid bearer token is required")


def test_expired_token_of_the_previous_secret_is_told_so(strict_app: Flask, token: Token) -> None:
    signed = token("ann", key=OTHER_SECRET, exp=1_700_000_000, **RIGHT)
    answer = ask(Client(strict_app), f"Bearer {signed}")
    assert_refused(answer, INVALID_TOKEN, "Token expired")


def test_token_that_was_taken_before_expires(
    app: Flask, token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(app)
    headers = {"Authorization": f"Bearer {token('ann', exp=int(time()) + 60)}"}
    assert client.get("/api/tasks", headers=headers).status_code == 200
    monkeypatch.setattr(auth, "time", lambda: time() + 60 + auth.LEEWAY - 2)
    assert client.get("/api/tasks", headers=headers).status_code == 200
    monkeypatch.setattr(auth, "time", lambda: time() + 60 + auth.LEEWAY)
    answer = client.get("/api/tasks", headers=headers)
    assert (answer.status_code, answer.json["detail"]) == (401, "Token expired")
