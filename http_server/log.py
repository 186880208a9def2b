"""The lines that gunicorn itself logs, as JSON, and its metrics for a statsd server."""

import logging
import os
import sys
import traceback
from time import monotonic
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.instrument.statsd import Statsd
from pythonjsonlogger.json import JsonFormatter

LOST_METRIC = "Error sending message to statsd"  # gunicorn's words
SECONDS_BETWEEN_LOST = 60


class JsonLogger(Logger):
    """Writes gunicorn's own lines as the service writes its lines.

    The setting `logconfig_dict` would also turn on an access log, which has query strings.
    """

    in_use = False

    def __new__(cls, cfg: Any) -> "JsonLogger":
        """Make a `MeasuringLogger` for `--statsd-host`, as gunicorn does for its own logger."""
        logger: JsonLogger = super().__new__(MeasuringLogger if cfg.statsd_host else cls)
        return logger

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
        """Leave out what may quote a request: its path, and the message of its exception.

        Also a client that was too slow: the service has not failed.
        """
        error = sys.exc_info()[1]
        if isinstance(error, TimeoutError):
            return
        if error and msg.startswith("Error handling request"):
            frames = [*traceback.format_tb(error.__traceback__), type(error).__qualname__]
            super().error("Error handling request", extra={"frames": "".join(frames)})
            return
        super().exception(msg, *args, **kwargs)


class MeasuringLogger(JsonLogger, Statsd):
    """Also sends metrics of the requests and of the workers to a statsd server."""

    lost_due = 0.0

    def __init__(self, cfg: Any) -> None:
        super().__init__(cfg)
        self.error_log.addFilter(self.is_due)
        if not self.sock:
            self.error("No metrics are sent. Check the address that --statsd-host has.")

    def is_due(self, record: logging.LogRecord) -> bool:
        """Leave out a lost metric less than a minute after another: each request has three.

        A UDP socket gets an error when no server listens at its address.
        """
        if record.msg != LOST_METRIC:
            return True
        if monotonic() < self.lost_due:
            return False
        self.lost_due = monotonic() + SECONDS_BETWEEN_LOST
        return True
