"""Wait for a condition, with a time limit."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], failure: str, seconds: float = 20) -> None:
    """Return when ``condition()`` is true. Raise an AssertionError after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, failure
        time.sleep(0.02)
