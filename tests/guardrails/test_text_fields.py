"""A line feed in any text is refused, or stored as the document allows; it never breaks a request.

Python's `$` also matches before a line feed at the end, so `^#[0-9a-f]{6}$` accepts "#ff8800\\n".
"""

import re
from datetime import date
from typing import Any

import pytest

from tests.guardrails.document import ITEM, Field, Schema, example, find_fields
from tests.support.client import Client

TEXT_FIELDS = [field for field in find_fields() if "string" in field.schema.get("type", "")]


def accepts(schema: Schema, text: str) -> bool:
    """Return whether a text satisfies a schema, with `$` as JSON Schema has it."""
    if schema.get("format") == "date":
        date.fromisoformat(text)
    pattern = re.sub(r"(?<!\\)\$", r"\\Z", schema.get("pattern", ""))
    return (
        schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", len(text))
        and text in schema.get("enum", [text])
        and re.search(pattern, text) is not None
    )


@pytest.mark.parametrize("field", TEXT_FIELDS, ids=str)
def test_line_feed_in_a_text_breaks_nothing(client: Client, field: Field) -> None:
    text = example(field.schema)
    middle = len(text) // 2
    for sent in (f"{text}\n", f"\n{text}", f"{text[:middle]}\n{text[middle:]}"):
        answer = field.send(client, sent)
        assert answer.status_code < 500, f"{field} given {sent!r}: reject it in the schema"
        if answer.status_code < 300 and field.place == "body":
            for stored in stored_texts(answer.json, field):
                assert accepts(field.schema, stored), f"{field} given {sent!r} stored {stored!r}"


def stored_texts(body: Any, field: Field) -> list[str]:
    """Return what a response says is stored in a field of a body."""
    tasks = body if isinstance(body, list) else [body]
    assert tasks
    name = [step for step in field.steps if step != ITEM][-1]
    found: list[Any] = [task[name] for task in tasks]
    return found[0] if field.steps[-1] == ITEM else found  # of the one task that was sent
