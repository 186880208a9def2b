"""Wait for a condition, with a time limit."""

import time
from collections.abc import Callable

LIMIT = 120  # seconds; a busy machine takes many times as long as an idle one


def wait_until(condition: Callable[[], object], failure: str) -> None:
    """Return when ``condition()`` is true. Raise an AssertionError after `LIMIT`."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, failure
        time.sleep(0.02)
