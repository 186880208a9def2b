"""Opaque tokens: values that a client sends back, signed so that it cannot make one."""

from functools import cache
from typing import Any

from itsdangerous import BadData, URLSafeSerializer
from itsdangerous.encoding import base64_decode, base64_encode

from todo_api.context import settings


def sign(use: str, value: list[Any]) -> str:
    return serializer(settings().keys_for(use), use).dumps(value)


def unsign(use: str, text: str) -> Any:
    """Return the signed value, or None if no key of this use signed the text."""
    _, _, signature = text.rpartition(".")
    try:
        value = serializer(settings().keys_for(use), use).loads(text)
        if base64_encode(base64_decode(signature)).decode() == signature:
            return value  # base64 has several spellings of one signature
    except (BadData, TypeError) as error:
        error.__traceback__ = None  # a frame of itsdangerous refers to the error
    return None


@cache
def serializer(keys: tuple[bytes, ...], use: str) -> URLSafeSerializer:
    return URLSafeSerializer(keys[::-1], use)  # the last of its keys signs, and each is accepted
