"""The `flask` commands."""

from typing import Any

import pytest
from flask import Flask

from tests import SECRET
from tests.support.client import Client, MakeApp, Token
from tests.support.log import Lines
from todo_api.http import auth


def test_printed_token_is_accepted(app: Flask) -> None:
    printed = app.test_cli_runner().invoke(args=["token", "demo"])
    assert printed.exit_code == 0
    headers = {"Authorization": f"Bearer {printed.output.strip()}"}
    assert Client(app).get("/api/tasks", headers=headers).status_code == 200


def test_printed_token_expires_after_the_given_minutes(app: Flask) -> None:
    printed = app.test_cli_runner().invoke(args=["token", "demo", "--minutes", "-1"])
    headers = {"Authorization": f"Bearer {printed.output.strip()}"}
    response = Client(app).get("/api/tasks", headers=headers)
    assert (response.status_code, response.json["detail"]) == (401, "Token expired")


def test_printed_token_has_the_configured_audience_and_issuer(make_app: MakeApp) -> None:
    app = make_app(jwt_audience="todo", jwt_issuer="us")
    printed = app.test_cli_runner().invoke(args=["token", "demo"])
    headers = {"Authorization": f"Bearer {printed.output.strip()}"}
    assert Client(app).get("/api/tasks", headers=headers).status_code == 200


@pytest.mark.parametrize("user", ["", " ", "x" * 256])
def test_token_for_an_invalid_user_is_rejected(app: Flask, user: str) -> None:
    printed = app.test_cli_runner().invoke(args=["token", user])
    assert printed.exit_code == 2
    assert "not blank" in printed.output


def test_token_without_a_user_asks_for_one(app: Flask) -> None:
    printed = app.test_cli_runner().invoke(args=["token"])
    assert printed.exit_code == 2
    assert "Name the user of the token: flask token USER" in printed.output


def check(app: Flask, text: str | bytes) -> tuple[int, list[str]]:
    """Return the exit code and the lines of `flask token --check`."""
    ran = app.test_cli_runner().invoke(args=["token", "--check"], input=text)
    return ran.exit_code, ran.output.splitlines()


@pytest.mark.parametrize("form", ["{}", "{}\n", "Bearer {}\n"])
def test_check_accepts_a_valid_token_and_names_its_user(
    app: Flask, token: Token, form: str
) -> None:
    code, lines = check(app, form.format(token("ann", exp=2_000_000_000, email="a@b.c")))
    assert (code, lines[:2]) == (0, ["accepted", "The user is ann."])
    assert lines[2].startswith("It says: alg HS256, sub, iat 20")
    assert ", exp 2033-05-18T03:33:20Z, email. It is 20" in lines[2]


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("malformed", {"text": "undefined"}),
    ("malformed", {"text": b"\xff\xfe"}),
    ("malformed", {"text": "W1tb" * 1_500 + ".e30.x"}),
    ("missing", {"text": "\n"}),
    ("wrong_algorithm", {"key": SECRET * 2, "algorithm": "HS512"}),
    ("wrong_signature", {"key": "another-secret-0123456789abcdefghij"}),
    ("wrong_type", {"headers": {"typ": "at+jwt"}}),
    ("claim_missing", {"iat": None}),
    ("claim_missing", {"sub": None}),
    ("claim_missing", {"aud": None}),
    ("claim_missing", {"iss": None}),
    ("invalid_subject", {"sub": " "}),
    ("invalid_subject", {"sub": 7}),
    ("invalid_time", {"iat": "1700000000"}),
    ("expired", {"exp": 1_700_000_000}),
    ("not_yet_valid", {"iat": 9_999_999_999_999}),
    ("not_yet_valid", {"nbf": 9_999_999_999}),
    ("wrong_audience", {"aud": "other"}),
    ("wrong_issuer", {"iss": "\x1b[2J"}),
]


@pytest.mark.parametrize(("name", "claims"), REFUSED)
def test_check_and_log_name_the_same_reason(
    make_app: MakeApp, lines: Lines, token: Token, name: str, claims: dict[str, Any]
) -> None:
    app = make_app(jwt_audience="todo", jwt_issuer="us")
    given = {"sub": "ann", "aud": "todo", "iss": "us"} | claims
    text = given.pop("text", None) or token(given.pop("sub"), **given)
    code, (first, *rest) = check(app, text)
    assert (code, first) == (1, f"refused: {name}")
    assert rest[0] == auth.AUTH_FAILURES[name]
    assert all(line.isprintable() for line in rest)
    if text.strip():
        Client(app).get("/api/tasks", headers={"Authorization": f"Bearer {text}"})
        assert lines.parsed()[-1]["auth_failure"] == name


def test_every_reason_is_tested() -> None:
    assert {name for name, _ in REFUSED} == set(auth.AUTH_FAILURES)
