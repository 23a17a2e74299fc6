"""Logging: one JSON object a line on standard error, or text for people."""

import logging
import logging.config

from issuer.settings.models import LogSettings

TEXT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def config(settings: LogSettings) -> dict[str, object]:
    """Return the logging configuration (a `logging.config.dictConfig` dictionary)."""
    json_formatter = {
        "()": "pythonjsonlogger.json.JsonFormatter",
        "fmt": "%(levelname)s %(name)s %(message)s",
        "rename_fields": {"levelname": "level", "name": "logger"},
        "timestamp": "time",
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": json_formatter, "text": {"format": TEXT}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": settings.format}},
        "root": {"level": settings.level.upper(), "handlers": ["stderr"]},
        "loggers": {"cel": {"level": "CRITICAL"}},
    }


def configure(settings: LogSettings) -> None:
    """Send the log of this process to standard error."""
    logging.config.dictConfig(config(settings))
