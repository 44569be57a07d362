"""Logs: one JSON object a line, UTC timestamps with microseconds.

Who uses it: the entry points configure it once; everyone else logs through the standard library.
Fields given with ``extra={"fields": {...}}`` become keys of the object.
"""

from __future__ import annotations

import datetime
import logging
import sys
from pathlib import Path
from typing import Any

import orjson

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


class JsonLinesFormatter(logging.Formatter):
    """Formats a record as one JSON object: time, level, stage, pid, logger, message, fields."""

    def __init__(self, stage: str) -> None:
        super().__init__()
        self._stage = stage

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line: dict[str, Any] = {
            "time": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "level": record.levelname.lower(),
            "stage": self._stage,
            "pid": record.process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
        return orjson.dumps(line, default=str, option=options).decode()


def configure(stage: str, level: str, file: Path | None) -> None:
    """Log to ``file`` (appended) or, when None, standard error."""
    handler: logging.Handler
    handler = logging.StreamHandler(sys.stderr) if file is None else logging.FileHandler(file)
    handler.setFormatter(JsonLinesFormatter(stage))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(LEVELS[level])
    # the compiler logs every pass at debug level
    logging.getLogger("numba").setLevel(logging.WARNING)
