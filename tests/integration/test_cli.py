"""The `flask` commands."""

import pytest
from flask import Flask

from config import Config
from todo_api import create_app


def test_printed_token_is_taken(app: Flask) -> None:
    printed = app.test_cli_runner().invoke(args=["token", "demo"])
    assert printed.exit_code == 0
    headers = {"Authorization": f"Bearer {printed.output.strip()}"}
    assert app.test_client().get("/api/tasks", headers=headers).status_code == 200


def test_printed_token_ends_when_it_is_told_to(app: Flask) -> None:
    printed = app.test_cli_runner().invoke(args=["token", "demo", "--minutes", "-1"])
    headers = {"Authorization": f"Bearer {printed.output.strip()}"}
    answer = app.test_client().get("/api/tasks", headers=headers)
    assert (answer.status_code, answer.json["detail"]) == (401, "Token expired")


def test_printed_token_has_the_audience_and_issuer_asked_for(config: Config) -> None:
    app = create_app(
        Config(config.better_auth_secret, config.database_url, jwt_audience="todo", jwt_issuer="us")
    )
    printed = app.test_cli_runner().invoke(args=["token", "demo"])
    headers = {"Authorization": f"Bearer {printed.output.strip()}"}
    assert app.test_client().get("/api/tasks", headers=headers).status_code == 200
    app.extensions["engine"].dispose()


@pytest.mark.parametrize("user", ["", " ", "x" * 256])
def test_token_of_nobody_is_refused(app: Flask, user: str) -> None:
    printed = app.test_cli_runner().invoke(args=["token", user])
    assert printed.exit_code == 2
    assert "not blank" in printed.output
