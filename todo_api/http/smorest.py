"""flask-smorest for this API: routes, JSON, and the headers of every response."""

from collections.abc import Iterable
from contextlib import suppress
from functools import wraps
from typing import Any

import flask_smorest
import orjson
from flask import Flask
from flask.json.provider import DefaultJSONProvider
from marshmallow import Schema
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import BaseConverter
from werkzeug.wrappers import Response

from todo_api import errors
from todo_api.context import application, current_request
from todo_api.http.facts import Decorator, View, fails_with, prepare_facts_doc, takes
from todo_api.http.parsing import Parser, read_body
from todo_api.http.preconditions import reject_unused_conditions
from todo_api.limits import MAX_ID


def init_app(app: Flask) -> None:
    """Set up what holds for every route: paths, JSON and default headers."""
    app.url_map.merge_slashes = False
    app.url_map.converters["task_id"] = TaskIdConverter
    app.json = Json(app)
    app.before_request(refuse_other_spellings)
    app.after_request(add_default_headers)
    app.teardown_request(drop_routing_error)


class Api(flask_smorest.Api):
    """flask-smorest's, with this service's error bodies."""

    ERROR_SCHEMA = errors.ApiError

    def handle_http_exception(self, error: HTTPException) -> Response:
        return errors.write_error(error)


def json_value(value: Any) -> Any:
    """Convert a value that has no form in JSON: times as orjson does, the rest as Flask does."""
    with suppress(TypeError):
        return orjson.loads(orjson.dumps(value, option=orjson.OPT_UTC_Z))
    return DefaultJSONProvider.default(value)


ORJSON = orjson.OPT_UTC_Z | orjson.OPT_PASSTHROUGH_SUBCLASS  # a MultiDict is more than a dict


class Json(DefaultJSONProvider):
    """Flask's, but times are RFC 3339, keys keep their order, and orjson writes responses."""

    sort_keys = False
    default = staticmethod(json_value)

    def response(self, *args: Any, **kwargs: Any) -> Any:
        """Write with orjson. Flask writes what orjson cannot write, and indented JSON."""
        indented = application().debug if self.compact is None else not self.compact
        if len(args) == 1 and not (kwargs or indented or self.sort_keys):
            with suppress(TypeError):
                body = orjson.dumps(args[0], option=ORJSON)
                return application().response_class(body, mimetype=self.mimetype)
        return super().response(*args, **kwargs)


class Blueprint(flask_smorest.Blueprint):
    """flask-smorest's. A view takes what its decorators name, and nothing else.

    ``error_statuses`` are the status codes of errors that each of its operations can return. If not
    ``strict``, its views ignore query parameters that they do not name.
    """

    ARGUMENTS_PARSER = Parser()

    def __init__(
        self, *args: Any, error_statuses: Iterable[int] = (), strict: bool = True, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.document_errors = fails_with(*error_statuses, 411, 413, 500)
        self.strict = strict
        self._prepare_doc_cbks.append(prepare_facts_doc)

    def arguments(
        self, schema: type[Schema], *, required: bool = True, location: str = "json", **options: Any
    ) -> Decorator:
        """Parse the arguments of a view. If not ``required``, the view gets None without a body."""
        instance = schema()  # once, not per request
        parse = super().arguments(instance, required=required, location=location, **options)

        def decorator(view: View) -> View:
            parsed: View = parse(view)

            @wraps(parsed)
            def optional(*args: Any, **kwargs: Any) -> Any:
                return parsed(*args, **kwargs) if read_body() else view(None, **kwargs)

            parsing = parsed if required else optional
            return fails_with(400, 415)(parsing) if location == "json" else parsing

        return decorator

    def response(
        self, status_code: int, schema: type[Schema] | Schema | None = None, **options: Any
    ) -> Decorator:
        """Make the response of a view. Reject parameters and conditions that no decorator names."""
        respond: Decorator = super().response(status_code, schema, **options)

        def decorator(view: View) -> View:
            @wraps(view)
            def strict(*args: Any, **kwargs: Any) -> Any:
                reject_unused()
                return view(*args, **kwargs)

            return respond(self.document_errors(fails_with(400)(strict) if self.strict else view))

        return decorator


def reject_unused() -> None:
    """Reject query parameters, conditions and the body of a write that the view does not take."""
    request = current_request()
    view = application().view_functions[str(request.endpoint)]
    if request.query_string and request.args and not takes(view, "query"):
        raise errors.InvalidInput(
            "query", {name: [errors.UNKNOWN_PARAMETER_MESSAGE] for name in request.args}
        )
    is_write = request.method not in ("GET", "HEAD")
    if is_write and request.content_length and not takes(view, "json"):
        raise errors.InvalidInput("body", [errors.NO_BODY_MESSAGE])
    reject_unused_conditions(view)


class TaskIdConverter(BaseConverter):
    """A positive bigint in canonical form. Anything else is a 404."""

    regex = "[1-9][0-9]*"

    def to_python(self, value: str) -> int:
        if len(value) > len(str(MAX_ID)) or int(value) > MAX_ID:
            raise NotFound(errors.NO_TASK_MESSAGE)  # werkzeug's ValidationError can end as a 405
        return int(value)


def refuse_other_spellings() -> None:
    """Refuse `//api/tasks` and `/api%2ftasks`: a rule of a proxy for `/api/` may not see them.

    Werkzeug takes them for `/api/tasks`.
    """
    environ = current_request().environ
    sent = environ.get("RAW_URI", "")
    if environ["PATH_INFO"].startswith("//") or (
        "%2" in sent and "%2f" in sent.partition("?")[0].lower()
    ):
        raise NotFound


def drop_routing_error(_error: BaseException | None) -> None:
    """Cut the cycle of a routing error that was not raised, because a hook answered first."""
    errors.drop_tracebacks(current_request().routing_exception)


def add_default_headers(response: Response) -> Response:
    response.headers.add("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Cache-Control", "no-store")
    return response
