"""Comparing a list that people keep with what it must have, and saying what to edit."""

from collections import Counter
from collections.abc import Iterable


def assert_complete(listed: Iterable[object], needed: Iterable[object], place: str) -> None:
    """Fail with what to add to ``place``, and what to remove from it."""
    has, needs = Counter([*listed]), Counter([*needed])
    advice = [f"add to {place}: {each}" for each in needs - has]
    advice += [f"remove from {place}: {each}" for each in has - needs]
    assert not advice, "; ".join(advice)
