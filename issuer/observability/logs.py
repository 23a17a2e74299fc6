"""Logging: one JSON object a line on standard error, or text for people."""

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


class Lines(logging.Formatter):
    """Makes lines of a record: of a dictionary one with its items, of a list of them several.

    Anything else is the item `message`. Whatever strangers sent, no line begins where they want it.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, or the lines."""
        said = record.msg
        if not isinstance(said, dict | list):
            said = {"message": record.getMessage()}
        end = {"exc_info": self.formatException(record.exc_info)} if record.exc_info else {}
        lines = said if isinstance(said, list) else [said]
        return "\n".join([self.line(record, {**line, **end}) for line in lines])

    def line(self, record: logging.LogRecord, items: dict[str, object]) -> str:
        """Return the line of some items."""
        raise NotImplementedError


class JsonLines(Lines):
    """Makes one JSON object of each line, in ASCII."""

    def line(self, record: logging.LogRecord, items: dict[str, object]) -> str:
        """Return the object, which begins with when, how grave, and who says it."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat()
        begin = {"time": time, "level": record.levelname, "logger": record.name}
        return jsontext.dump({**begin, **items}, str).decode()


class TextLines(Lines):
    """Makes lines for people: a message or an event, and the other items; a traceback is set in."""

    def line(self, record: logging.LogRecord, items: dict[str, object]) -> str:
        """Return the line, in which nothing but our own ends is an end of a line."""
        time, items = self.formatTime(record), {**items}
        text = str(items.pop("message", "") or items.pop("event", ""))
        trace = str(items.pop("exc_info", "")).splitlines()
        said = [text, *(f"{name}={json.dumps(value, default=str)}" for name, value in items.items())]
        head = f"{time} {record.levelname:7} {record.name}: {' '.join(said)}"
        return "\n    ".join(_shown(part) for part in (head, *trace))


def _shown(text: str) -> str:
    """Return a text on one line: control characters, ends of lines and what turns its direction, escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class StandardError(logging.Handler):
    """Writes whole lines; threads that log at the same time share one write.

    A thread lays its line in the queue. When nobody writes, it writes all that is there; else it goes on, and
    the one that writes takes the line along. It waits only when standard error takes nothing any more.
    """

    def __init__(self) -> None:
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
