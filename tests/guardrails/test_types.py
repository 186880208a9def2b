"""A value of another JSON type is refused in every field of a body, and never converted.

marshmallow's own Integer accepts "90" and 1.5, and its Boolean accepts "yes" and 1.
"""

import json

import pytest

from tests.guardrails.document import Field, Schema, example, find_fields
from tests.support.client import Client

JSON_TYPES = {
    str: {"string"},
    bool: {"boolean"},
    int: {"integer", "number"},
    float: {"number"},
    type(None): {"null"},
    list: {"array"},
    dict: {"object"},
}
BODY_FIELDS = [field for field in find_fields() if field.place == "body"]


def of_other_types(schema: Schema) -> list[object]:
    """Return values of the types that a schema does not list."""
    listed = schema["type"]
    allowed = set([listed] if isinstance(listed, str) else listed)
    values: tuple[object, ...] = (json.dumps(example(schema)), "yes", 0, 1, 1.5, True, None, [], {})
    return [value for value in values if not JSON_TYPES[type(value)] & allowed]


@pytest.mark.parametrize("field", BODY_FIELDS, ids=str)
def test_value_of_another_type_is_refused(client: Client, field: Field) -> None:
    for value in of_other_types(field.schema):
        answer = field.send(client, value)
        assert answer.status_code == 400, (
            f"{field} given {value!r}: use or extend a strict type of todo_api/tasks/fields.py"
        )
        assert answer.json["errors"][0]["loc"][:2] == [field.place, field.steps[0]]
