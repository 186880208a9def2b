"""Opaque tokens: signed values. Who has one can read it, but nobody else can make one."""

from functools import cache
from typing import Any

import orjson
from itsdangerous import BadData, Signer
from itsdangerous.encoding import base64_decode, base64_encode

from todo_api.context import settings


def sign(use: str, value: list[Any]) -> str:
    return signers(use)[0].sign(base64_encode(orjson.dumps(value))).decode()


def unsign(use: str, text: str) -> Any:
    """Return the signed value, or None if no key of this use signed the text."""
    _, _, signature = text.rpartition(".")
    for signer_ in signers(use):
        try:
            payload = signer_.unsign(text)
            if base64_encode(base64_decode(signature)).decode() == signature:  # its one spelling
                return orjson.loads(base64_decode(payload))
        except BadData as error:
            error.__traceback__ = None  # a frame of itsdangerous refers to the error
    return None


def signers(use: str) -> list[Signer]:
    return [signer(key, use) for key in settings().keys_for(use)]


@cache
def signer(key: bytes, use: str) -> Signer:
    return Signer(key, use)
