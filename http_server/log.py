"""The lines that gunicorn itself logs, as JSON."""

import os
import sys
from typing import Any

from gunicorn.glogging import Logger
from pythonjsonlogger.json import JsonFormatter


class JsonLogger(Logger):
    """Writes gunicorn's own lines as the service writes its lines.

    The setting `logconfig_dict` would also turn on an access log, which has query strings.
    """

    in_use = False

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        instance = os.environ.get("INSTANCE")
        formatter = JsonFormatter(
            ["levelname", "name", "message", "process"],
            rename_fields={"levelname": "level", "name": "logger", "message": "event"},
            timestamp="time",
            static_fields={"instance": instance} if instance else {},
        )
        for handler in self.error_log.handlers:
            handler.setFormatter(formatter)

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Leave out what gunicorn quotes of a malformed request: it may be a token."""
        if msg.startswith("Invalid request from "):
            msg = msg.partition(": ")[0]
        super().warning(msg, *args, **kwargs)

    def error(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log an address in use once, with its setting. gunicorn logs it eleven times."""
        if msg == "Connection in use: %s":
            if self.in_use:
                return
            self.in_use = True
            msg = "%s is in use. Set PORT to another port, or --bind to another address."
        elif self.in_use and msg.startswith(("connection to ", "Can't connect to ")):
            return
        super().error(msg, *args, **kwargs)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Leave out a client that was too slow: the service has not failed."""
        if not isinstance(sys.exc_info()[1], TimeoutError):
            super().exception(msg, *args, **kwargs)
