"""Requests that are sound but for one value, made from openapi.json for every field in it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests import ROOT
from tests.support.client import Client, JsonResponse

DOCUMENT = json.loads((ROOT / "openapi.json").read_text())
METHODS = ("get", "post", "put", "patch", "delete")
ITEM = "[]"
"""The step of a field's `steps` that leads from a list to its items."""

Schema = dict[str, Any]


@dataclass(frozen=True)
class Field:
    """A field of a body, or a parameter of a query, and how to reach it."""

    method: str
    path: str
    place: str
    root: Schema
    steps: tuple[str, ...]
    schema: Schema

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.place}.{'.'.join(self.steps)}"

    def send(self, client: Client, value: object) -> JsonResponse:
        """Send a sound request, but with ``value`` for this field, about a task of the client."""
        task = client.post("/api/tasks", json={"title": "x"}).json
        path = self.path.replace("{task_id}", str(task["id"]))
        values = build(self.root, self.steps, value)
        if "ids" in values and self.steps[0] != "ids":
            values["ids"] = [task["id"]]
        given = {"json": values} if self.place == "body" else {"query_string": values}
        return client.open(path, method=self.method.upper(), **given)


def find_fields() -> list[Field]:
    return [
        Field(method, path, place, root, steps, schema)
        for path, item in DOCUMENT["paths"].items()
        for method in METHODS
        for place, root in inputs(item.get(method, {}))
        for steps, schema in walk(root)
        if steps
    ]


def inputs(operation: dict[str, Any]) -> Iterator[tuple[str, Schema]]:
    """Return the schemas of an operation's body and of its query, as if that were an object."""
    for media in operation.get("requestBody", {}).get("content", {}).values():
        yield "body", media["schema"]
    query = [each for each in operation.get("parameters", []) if each["in"] == "query"]
    required = [each["name"] for each in query if each["required"]]
    properties = {each["name"]: each["schema"] for each in query}
    yield "query", {"type": "object", "properties": properties, "required": required}


def walk(schema: Schema, steps: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Schema]]:
    """Return a schema and those in it, each with the way that leads to it."""
    schema = resolve(schema)
    yield steps, schema
    for name, inner in schema.get("properties", {}).items():
        yield from walk(inner, (*steps, name))
    if "items" in schema:
        yield from walk(schema["items"], (*steps, ITEM))


def resolve(schema: Schema) -> Schema:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Schema = DOCUMENT["components"]["schemas"][name] if name else schema
    return found


def build(schema: Schema, steps: tuple[str, ...], value: object) -> Any:
    """Return an example of a schema, with ``value`` where the steps lead."""
    if not steps:
        return value
    schema = resolve(schema)
    if steps[0] == ITEM:
        return [build(schema["items"], steps[1:], value)]
    inner = build(schema["properties"][steps[0]], steps[1:], value)
    return example(schema) | {steps[0]: inner}


def example(schema: Schema) -> Any:
    """Return a value that a schema accepts; of an object, the required properties."""
    schema = resolve(schema)
    if "properties" in schema:
        required = schema.get("required", [])
        return {name: example(schema["properties"][name]) for name in required}
    shown = [*schema.get("examples", []), *schema.get("enum", [])]
    return shown[0] if shown else schema.get("minimum", "x")
