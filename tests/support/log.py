"""The log that the service writes in this process."""

import json
from io import StringIO
from typing import Any


class Lines(StringIO):
    """The lines of a log."""

    def parsed(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]

    def events(self, level: str) -> list[str]:
        """Return what the lines of one level say."""
        return [line["event"] for line in self.parsed() if line["level"] == level]
