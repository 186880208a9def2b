"""What the decorators of a view say about it, for the OpenAPI document and for strict requests."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from flask_smorest.utils import deepupdate

from todo_api.errors import error_type

View = Callable[..., Any]
Decorator = Callable[[View], View]
STRING = {"type": "string"}


def describe(view: View, **facts: Any) -> View:
    """Add facts to those that flask-smorest collects about a view, and return the view.

    They are parts of an OpenAPI operation: ``security``, ``responses`` by status code, and
    ``parameters`` by name.
    """
    known = deepcopy(getattr(view, "_apidoc", {}))
    vars(view)["_apidoc"] = deepupdate(known, {"facts": facts})
    return view


def fails_with(*statuses: int) -> Decorator:
    """Document errors of a view: ``ERRORS`` has the status codes."""
    return lambda view: describe(view, responses={each: error_name(each) for each in statuses})


def leads_to(operation: str, *statuses: int, **parameters: str) -> Decorator:
    """Link responses of a view to an operation, and say where its parameters are in them."""
    link = {operation: {"operationId": operation, "parameters": parameters}}
    return lambda view: describe(view, responses={each: {"links": link} for each in statuses})


def camel_case(snake_case: str) -> str:
    first, *others = snake_case.split("_")
    return first + "".join(word.capitalize() for word in others)


def error_name(status: int) -> str:
    """Return the name of an error response in the document, such as `NotFoundError`."""
    return camel_case(f"_{error_type(status)}")


def response_header(
    name: str, description: str, schema: dict[str, Any] = STRING, **more: Any
) -> dict[str, Any]:
    return {name: {"description": description, "schema": schema, **more}}


def named(**examples: Any) -> dict[str, Any]:
    """Return the examples in the form of OpenAPI, by their names."""
    return {name: {"value": value} for name, value in examples.items()}


def takes(view: View, location: str) -> bool:
    """Return whether a view names arguments of a location: `query` or `json`."""
    arguments = vars(view)["_apidoc"].get("arguments", {"parameters": []})
    return any(each["in"] == location for each in arguments["parameters"])


def takes_header(view: View, name: str) -> bool:
    """Return whether a view names a request header."""
    return name in vars(view)["_apidoc"].get("facts", {}).get("parameters", {})


def prepare_facts_doc(doc: dict[str, Any], doc_info: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Put the facts into the document: one of flask-smorest's callbacks."""
    facts = {"parameters": {}, "responses": {}, "security": []} | doc_info.get("facts", {})
    if facts["parameters"]:
        doc["parameters"] = [*doc.get("parameters", []), *facts["parameters"].values()]
    doc["responses"] = deepupdate(doc.get("responses", {}), facts["responses"])
    doc["security"] = facts["security"]
    return doc
