"""Logging: one JSON object a line on standard error, or text for people."""

import json
import logging
import logging.config
import os
from datetime import UTC, datetime

from issuer.settings.models import LogSettings

TEXT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
STANDARD_ERROR = 2


class JsonLines(logging.Formatter):
    """Makes one JSON object of a record: of a dictionary its items, of anything else `message`."""

    _json = json.JSONEncoder(default=str)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        said = record.msg if isinstance(record.msg, dict) else {"message": record.getMessage()}
        time = datetime.fromtimestamp(record.created, UTC).isoformat()
        line = {"time": time, "level": record.levelname, "logger": record.name, **said}
        if record.exc_info:
            line["exc_info"] = self.formatException(record.exc_info)
        return self._json.encode(line)


class StandardError(logging.Handler):
    """Writes each line with one system call, so threads neither wait for each other nor mix their lines."""

    def createLock(self) -> None:  # noqa: N802 - logging's name
        """Have no lock: nothing is shared."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        try:
            line = f"{self.format(record)}\n".encode("utf-8", "backslashreplace")
            while line:
                line = line[os.write(STANDARD_ERROR, line) :]
        except Exception:
            self.handleError(record)


def config(settings: LogSettings) -> dict[str, object]:
    """Return the logging configuration (a `logging.config.dictConfig` dictionary)."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonLines}, "text": {"format": TEXT}},
        "handlers": {"stderr": {"()": StandardError, "formatter": settings.format}},
        "root": {"level": settings.level.upper(), "handlers": ["stderr"]},
        "loggers": {"cel": {"level": "CRITICAL"}},
    }


def configure(settings: LogSettings) -> None:
    """Send the log of this process to standard error.

    No line names a thread or a process, so records need not find them (Logging HOWTO, "Optimization").
    """
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.config.dictConfig(config(settings))
