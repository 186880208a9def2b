"""The log of the service."""

import json
from io import StringIO
from pathlib import Path
from typing import Any


class Lines(StringIO):
    """The lines of a log."""

    def parsed(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]

    def events(self, level: str) -> list[str]:
        """Return what the lines of one level say."""
        return [line["event"] for line in self.parsed() if line["level"] == level]


def assert_no_bug(log: Path) -> None:
    """Fail if a request of a service ended with a 500.

    The log is not parsed: libpq writes to stderr when a connection ends while it opens.
    """
    failed = [line for line in log.read_text().splitlines() if '"status":500' in line]
    assert not failed, failed[0]
