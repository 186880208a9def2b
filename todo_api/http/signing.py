"""Signed values that a client sends back. It can read them (base64), but can make none."""

from functools import cache
from typing import Any

import orjson
from itsdangerous import BadData, Signer
from itsdangerous.encoding import base64_decode, base64_encode

from todo_api.context import settings

SIGNED = {"type": "string", "minLength": 29, "pattern": r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{27}$"}
"""The form of a signed value, for the OpenAPI document."""


def sign(use: str, value: list[Any]) -> str:
    payload = base64_encode(orjson.dumps(value))
    return signer(settings().keys_for(use), use).sign(payload).decode()


def unsign(use: str, text: str) -> Any:
    """Return the signed value, or None if no key of this use signed the text."""
    _, _, signature = text.rpartition(".")
    try:
        payload = signer(settings().keys_for(use), use).unsign(text)
        if base64_encode(base64_decode(signature)).decode() == signature:  # its one spelling
            return orjson.loads(base64_decode(payload))
    except BadData as error:
        error.__traceback__ = None  # a frame of itsdangerous refers to the error
    return None


@cache
def signer(keys: tuple[bytes, ...], use: str) -> Signer:
    return Signer(keys[::-1], use)  # the last of its keys signs, and each is accepted
