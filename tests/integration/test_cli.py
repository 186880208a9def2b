"""The `flask` commands."""

import pytest
from flask import Flask

from tests.support.client import Client, MakeApp


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
