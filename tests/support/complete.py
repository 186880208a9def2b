"""Comparing a list that people keep with what it must have, and saying what to edit."""

from collections import Counter
from collections.abc import Iterable


def assert_complete(listed: Iterable[object], needed: Iterable[object], place: str) -> None:
    """Fail with what to add to ``place``, and what to remove from it."""
    has, needs = Counter([*listed]), Counter([*needed])
    missing, unwanted = sorted(map(str, needs - has)), sorted(map(str, has - needs))
    assert not missing, f"add to {place}: {', '.join(missing)}"
    assert not unwanted, f"remove from {place}: {', '.join(unwanted)}"
