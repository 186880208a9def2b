"""The test client, and the types of the fixtures that make tokens, clients and services."""

from collections.abc import Callable
from typing import Any, cast

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

Token = Callable[..., str]
"""Sign a token: `token(user, **claims)`."""

MakeApp = Callable[..., Flask]
"""Make the service: `make_app(**settings)`."""

MakeClient = Callable[[str], "Client"]
"""Make the client of a user."""


class JsonResponse(TestResponse):
    """A response with a JSON body, as a type."""

    json: Any


class Client(FlaskClient):
    """Sends requests to the service in this process, with a token unless it is empty."""

    def __init__(self, app: Flask, token: str = "") -> None:
        super().__init__(app, app.response_class)
        self.token = token
        if token:
            self.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"

    def open(self, *args: Any, **kwargs: Any) -> JsonResponse:
        return cast(JsonResponse, super().open(*args, **kwargs))

    def get(self, *args: Any, **kwargs: Any) -> JsonResponse:
        return self.open(*args, **kwargs, method="GET")

    def post(self, *args: Any, **kwargs: Any) -> JsonResponse:
        return self.open(*args, **kwargs, method="POST")

    def put(self, *args: Any, **kwargs: Any) -> JsonResponse:
        return self.open(*args, **kwargs, method="PUT")

    def patch(self, *args: Any, **kwargs: Any) -> JsonResponse:
        return self.open(*args, **kwargs, method="PATCH")

    def delete(self, *args: Any, **kwargs: Any) -> JsonResponse:
        return self.open(*args, **kwargs, method="DELETE")

    def options(self, *args: Any, **kwargs: Any) -> JsonResponse:
        return self.open(*args, **kwargs, method="OPTIONS")
