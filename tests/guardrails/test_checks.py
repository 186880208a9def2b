"""What a CHECK would refuse, the schema refuses before: else it is a 500."""

import re
import reprlib
from typing import Any

import pytest
import sqlalchemy as sa

from tests.guardrails.document import DOCUMENT, Field, Schema, example, find_fields, resolve
from tests.support.client import Client
from todo_api.database.models import tasks

NOT_FROM_THE_BODY = {"user_id", "idempotency_key", "idempotency_hash"}  # but from headers
RULES = {
    r"char_length\(": "maxLength",
    r"cardinality\(": "maxItems",
    r" IN \(": "enum",
    r" !?~\*? ": "pattern",
    r"btrim\(": "pattern",
    r" BETWEEN '": "format",
    r"^\w+ BETWEEN -?\d": "maximum",
}
"""What a CHECK compares by, and the keyword that its field must then have in openapi.json."""


def checks() -> list[Any]:
    found = [each for each in tasks.constraints if isinstance(each, sa.CheckConstraint)]
    return [
        pytest.param(column.name, str(constraint.sqltext), id=str(constraint.name))
        for constraint in sorted(found, key=lambda each: str(each.name))  # the same in each worker
        for column in tasks.columns
        if re.search(rf"\b{column.name}\b", str(constraint.sqltext))
        and column.name not in NOT_FROM_THE_BODY
    ]


@pytest.mark.parametrize(("column", "condition"), checks())
def test_each_check_has_its_rule_in_the_schema(column: str, condition: str) -> None:
    needed = {rule for used, rule in RULES.items() if re.search(used, condition)}
    for shape in ("NewTask", "TaskChanges"):
        properties = DOCUMENT["components"]["schemas"][shape]["properties"]
        assert column in properties, (
            f"add {column} to TaskFields in todo_api/tasks/schemas.py and run make openapi, or, if"
            " no client sends it, add it to NOT_FROM_THE_BODY of tests/guardrails/test_checks.py"
        )
        assert needed, (
            "add to RULES of tests/guardrails/test_checks.py what this CHECK compares by, with the"
            f" keyword that {column} must have in openapi.json: {condition}"
        )
        schema = resolve(properties[column])
        missing = needed - schema.keys() - schema.get("items", {}).keys()
        assert not missing, (
            f"add a validator to {column} in todo_api/tasks/schemas.py and run make openapi:"
            f" openapi.json lacks {sorted(missing)}, but PostgreSQL has CHECK ({condition})"
        )


NUMBERS = {"minimum", "maximum"}


def longer(text: str, length: int) -> str:
    return text + text[-1] * (length - len(text))


def at_the_limit(schema: Schema) -> list[object]:
    """Return the last values that a schema accepts."""
    values = [*schema.get("enum", []), *(schema[key] for key in NUMBERS & schema.keys())]
    if "maxLength" in schema:
        values.append(longer(example(schema), schema["maxLength"]))
    if "minLength" in schema and "examples" in schema:  # a cursor has none: clients make none
        values.append(example(schema)[: schema["minLength"]])
    if "maxItems" in schema:
        values.append([example(schema["items"])] * schema["maxItems"])
    if schema.get("format") == "date":
        values += ["0001-01-01", "9999-12-31"]
    return values


def beyond_the_limit(schema: Schema) -> list[object]:
    """Return the first values that a schema refuses."""
    values: list[object] = []
    if "maxLength" in schema:
        values.append(longer(example(schema), schema["maxLength"] + 1))
    if schema.get("minLength"):
        values.append(example(schema)[: schema["minLength"] - 1])
    if "maxItems" in schema:
        values.append([example(schema["items"])] * (schema["maxItems"] + 1))
    if "enum" in schema:
        values.append("none of these")
    if "minimum" in schema:
        values.append(schema["minimum"] - 1)
    if "maximum" in schema:
        values.append(schema["maximum"] + 1)
    if schema.get("format") == "date":
        values += ["0000-12-31", "10000-01-01", "2026-02-30"]
    return values


NEIGHBOURS = (("after",), ("before",))
"""The fields whose value must be the id of another task."""


@pytest.mark.parametrize(
    "field",
    [each for each in find_fields() if at_the_limit(each.schema) and each.steps not in NEIGHBOURS],
    ids=str,
)
def test_values_at_the_limit_are_accepted(client: Client, field: Field) -> None:
    for value in at_the_limit(field.schema):
        answer = field.send(client, value)
        assert answer.status_code < 300, f"{field} given {reprlib.repr(value)}: {answer.text}"


@pytest.mark.parametrize(
    "field", [each for each in find_fields() if beyond_the_limit(each.schema)], ids=str
)
def test_values_beyond_the_limit_are_refused(client: Client, field: Field) -> None:
    for value in beyond_the_limit(field.schema):
        answer = field.send(client, value)
        assert answer.status_code == 400, (
            f"{field} given {reprlib.repr(value)}: reject it in the schema"
        )
        assert answer.json["errors"][0]["loc"][:2] == [field.place, field.steps[0]]
