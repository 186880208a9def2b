"""The `flask` commands."""

from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask

from tests import SECRET
from tests.support.client import Client, MakeApp, Token
from tests.support.log import Lines
from todo_api.commands import seed
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


@pytest.mark.parametrize("user", ["demo", ""])
def test_check_with_a_user_says_where_the_token_comes_from(app: Flask, user: str) -> None:
    checked = app.test_cli_runner().invoke(args=["token", user, "--check"])
    assert checked.exit_code == 2
    expected = '--check reads the token from standard input: echo "$TOKEN" | flask token --check'
    assert expected in checked.output


def check(app: Flask, text: str | bytes) -> tuple[int, list[str]]:
    """Return the exit code and the lines of `flask token --check`."""
    ran = app.test_cli_runner().invoke(args=["token", "--check"], input=text)
    return ran.exit_code, ran.output.splitlines()


@pytest.mark.parametrize("form", ["{}", "{}\n", "Bearer {}\n", '{{"token": "{}"}}'])
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
    ("malformed", {"text": "{}"}),
    ("malformed", {"text": '["token"]'}),
    ("malformed", {"text": '{"token": "\\ud800"}'}),
    ("malformed", {"text": "[" * 5_000}),
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


def test_seed_creates_tasks_as_the_api_does(make_app: MakeApp, token: Token) -> None:
    app, user = make_app(max_tasks_per_user=150), "seed-user"  # the user decides the tasks
    client = Client(app, token(user))
    seeded = app.test_cli_runner().invoke(args=["seed", user, "--count", "149", "--anywhere"])
    assert (seeded.exit_code, seeded.output) == (0, f"created 149 tasks of {user}\n")
    listed = client.get("/api/tasks?limit=500").json
    trash = client.get("/api/tasks?status=deleted").json
    assert trash
    assert len(listed) + len(trash) == 149
    assert len({task["version"] for task in listed + trash}) == 149
    assert {bool(task["completed_at"]) for task in listed} == {False, True}
    today = datetime.now(UTC).date().isoformat()
    assert {task["due_date"] > today for task in listed if task["due_date"]} == {False, True}
    again = app.test_cli_runner().invoke(args=["seed", user, "--count", "2", "--anywhere"])
    assert again.exit_code == 1
    assert again.output.startswith("Error: At most 150 tasks are allowed")


def test_seed_for_an_invalid_user_is_rejected(app: Flask) -> None:
    ran = app.test_cli_runner().invoke(args=["seed", " "])
    assert (ran.exit_code, "not blank" in ran.output) == (2, True)


@pytest.mark.parametrize("host", ["db.example.com", "localhost"])
def test_seed_refuses_a_database_elsewhere(
    make_app: MakeApp, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if host == "localhost":
        monkeypatch.setenv("PGHOSTADDR", "192.0.2.1")  # libpq connects to this
    app = make_app(database_url=f"postgresql://u:p@{host}/x")
    ran = app.test_cli_runner().invoke(args=["seed", "demo"])
    assert (ran.exit_code, "add --anywhere" in ran.output) == (1, True)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("embedded", True),
        ("postgresql://u:p@localhost:5433/x", True),
        ("postgresql+psycopg2://u@127.0.0.1/x", True),
        ("postgresql:///x?host=/cloudsql/p:europe:db", False),
        ("postgresql://u@[::1]/x", True),
        ("postgresql://u@/x?host=/var/run/postgresql", True),
        ("postgresql://u@db.example.com/x?hostaddr=127.0.0.1", True),
        ("postgresql://u@/x", False),  # PGHOST may name another machine
        ("postgresql://u@localhost.example.com/x", False),
        ("postgresql://u@localhost,db.example.com/x", False),
        ("postgresql://u@localhost/x?hostaddr=10.0.0.1", False),
    ],
)
def test_local_database_is_known_by_its_host(url: str, expected: bool) -> None:
    assert seed.is_local(url) is expected
