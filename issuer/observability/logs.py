"""Logging: one JSON object a line on standard error, or text for people."""

import copy
import json
import logging
import logging.config
import os
import threading
from collections import deque
from datetime import UTC, datetime

from issuer import jsontext
from issuer.settings.models import LogSettings

TEXT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
STANDARD_ERROR = 2
TALKATIVE = ("_granian", "alembic")
"""Loggers whose news nobody needs."""
MOST_WAITING = 1000
"""Lines that may wait for the one who writes; with more, those who log wait."""


class JsonLines(logging.Formatter):
    """Makes one JSON object of a record: of a dictionary its items, of anything else `message`.

    A list of dictionaries is several lines.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, or the lines."""
        said = record.msg
        if not isinstance(said, dict | list):
            said = {"message": record.getMessage()}
        time = datetime.fromtimestamp(record.created, UTC).isoformat()
        begin = {"time": time, "level": record.levelname, "logger": record.name}
        end = {"exc_info": self.formatException(record.exc_info)} if record.exc_info else {}
        lines = said if isinstance(said, list) else [said]
        return "\n".join([jsontext.dump({**begin, **line, **end}, str).decode() for line in lines])


class TextLines(logging.Formatter):
    """Makes a line for people; of a dictionary its event and its other items, of a list of them several."""

    def __init__(self) -> None:
        """Use the one form."""
        super().__init__(TEXT)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, or the lines."""
        if isinstance(record.msg, list):
            return "\n".join([self._line(record, said) for said in record.msg])
        return self._line(record, record.msg) if isinstance(record.msg, dict) else super().format(record)

    def _line(self, record: logging.LogRecord, said: dict[str, object]) -> str:
        items = {**said}
        event = str(items.pop("event", ""))
        record = copy.copy(record)
        record.msg = " ".join([event, *(f"{name}={json.dumps(value)}" for name, value in items.items())])
        record.args = ()
        return super().format(record)


class StandardError(logging.Handler):
    """Writes whole lines; threads that log at the same time share one write.

    A thread lays its line in the queue. When nobody writes, it writes all that is there; else it goes on, and
    the one that writes takes the line along. It waits only when standard error takes nothing any more.
    """

    def __init__(self) -> None:
        """Begin with nothing to write."""
        super().__init__()
        self._lines: deque[bytes] = deque()
        self._writing = threading.Lock()

    def handle(self, record: logging.LogRecord) -> bool:
        """Take a line, with no lock around `emit`."""
        if wanted := bool(self.filter(record)):
            self.emit(record)
        return wanted

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line."""
        try:
            self._lines.append(f"{self.format(record)}\n".encode("utf-8", "backslashreplace"))
            while self._lines and self._writing.acquire(blocking=len(self._lines) > MOST_WAITING):
                try:
                    self._write()
                finally:
                    self._writing.release()
        except Exception:
            self.handleError(record)

    def _write(self) -> None:
        text = b"".join(self._lines.popleft() for _ in range(len(self._lines)))
        while text:
            text = text[os.write(STANDARD_ERROR, text) :]


def config(settings: LogSettings) -> dict[str, object]:
    """Return the logging configuration (a `logging.config.dictConfig` dictionary)."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonLines}, "text": {"()": TextLines}},
        "handlers": {"stderr": {"()": StandardError, "formatter": settings.format}},
        "root": {"level": settings.level.upper(), "handlers": ["stderr"]},
        "loggers": {"cel": {"level": "CRITICAL"}, **{name: {"level": "WARNING"} for name in TALKATIVE}},
    }


def configure(settings: LogSettings) -> None:
    """Send the log of this process to standard error.

    No line names a thread, a process or a place in the source, so records need not find them (Logging HOWTO,
    "Optimization").
    """
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    logging.config.dictConfig(config(settings))
