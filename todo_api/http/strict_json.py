"""How JSON is read: as RFC 8259 has it. Python's parser accepts more."""

import json
from codecs import BOM_UTF8
from typing import Any, NoReturn


class NotJson(ValueError):
    """JSON that Python's parser accepts and RFC 8259 does not."""


def loads(text: bytes) -> Any:
    """Return the value of a JSON text in UTF-8. Raise `ValueError` for anything else."""
    if text.startswith(BOM_UTF8):
        raise NotJson("a byte order mark")
    return json.loads(text.decode(), object_pairs_hook=unique_names, parse_constant=reject_constant)


def unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object. Raise for a duplicate key, and for a key that no response could quote."""
    names = {name.encode() for name, _ in pairs}
    if len(names) < len(pairs):
        raise NotJson("duplicate key in an object")
    return dict(pairs)


def reject_constant(constant: str) -> NoReturn:
    raise NotJson(f"{constant} is not a JSON value")
