"""Logs: one JSON object a line, UTC timestamps with microseconds; no process waits for them.

Who uses it: the entry points configure it once; everyone else logs through the standard library.
Fields given with ``extra={"fields": {...}}`` become keys of the object.

A line goes into a bounded queue, and a thread writes it (output.py): a reader that has stopped, or
a full disk, costs lines and no time. A message that comes too often (``MessageRates``) is left out
and counted; the next line of the same message that is written says how many were.

Decision SUR-1.
"""

from __future__ import annotations

import datetime
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from exchange.errors import DataDirectoryUnavailable
from exchange.runtime.output import FileSink, LineWriter, standard_error

log = logging.getLogger(__name__)

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
MESSAGE_BURST = 50  # lines of one message at once
MESSAGE_RATE = 5.0  # ... and per second after that
ALL_BURST = 2_000  # lines of all messages at once: messages with a text of their own each
ALL_RATE = 200.0
MESSAGES_KEPT = 1_024  # of which the rate is known; the least recently seen gives way


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


class _Bucket:
    """A token bucket, and how many lines it has refused since the last that it let through."""

    def __init__(self, burst: float, now_s: float) -> None:
        self.tokens = burst
        self.seen_s = now_s
        self.suppressed = 0

    def take(self, rate: float, burst: float, now_s: float) -> bool:
        self.tokens = min(burst, self.tokens + (now_s - self.seen_s) * rate)
        self.seen_s = now_s
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class MessageRates:
    """Which lines are written: a burst of each message, then some per second.

    A message is a logger, a level and the text before its arguments are put in. Messages that
    have their arguments in the text already are many: all together have a rate, too.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._all = _Bucket(ALL_BURST, clock())
        self._messages: OrderedDict[tuple[str, int, str], _Bucket] = OrderedDict()

    def admit(self, name: str, level: int, text: str) -> int | None:
        """None: leave this line out. A number: write it, after so many that were left out."""
        now_s = self._clock()
        key = (name, level, text)
        bucket = self._messages.get(key)
        if bucket is None:
            bucket = self._messages[key] = _Bucket(MESSAGE_BURST, now_s)
            if len(self._messages) > MESSAGES_KEPT:
                _, forgotten = self._messages.popitem(last=False)
                self._all.suppressed += forgotten.suppressed
        else:
            self._messages.move_to_end(key)
        if not bucket.take(MESSAGE_RATE, MESSAGE_BURST, now_s):
            bucket.suppressed += 1
            return None
        # what ends a process is always said
        if not self._all.take(ALL_RATE, ALL_BURST, now_s) and level < logging.CRITICAL:
            self._all.suppressed += 1
            return None
        before = bucket.suppressed + self._all.suppressed
        bucket.suppressed = self._all.suppressed = 0
        return before


class QueueHandler(logging.Handler):
    """Formats records, leaves out what comes too often, and queues the rest. Never blocks.

    ``lost()``: lines that were dropped or left out, since the start of the process.
    """

    def __init__(self, writer: LineWriter, *, own: FileSink | None = None) -> None:
        """``own``: a file that nobody else writes through this process, closed with the handler."""
        super().__init__()
        self._writer = writer
        self._own = own
        self._rates = MessageRates()
        self._suppressed = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            before = self._rates.admit(record.name, record.levelno, str(record.msg))
            if before is None:
                self._suppressed += 1
                return
            if before:
                fields = getattr(record, "fields", {})
                record.fields = {**fields, "suppressed": before}
            self._writer.put(self.format(record).encode(errors="replace") + b"\n")
        except Exception:
            self.handleError(record)

    def lost(self) -> int:
        """Lines of this process that nobody will see."""
        return self._writer.lost + self._suppressed

    def flush(self) -> None:
        """Wait for a bounded time until everything is written."""
        self._writer.flush()

    def close(self) -> None:
        """Flush; close the file when it is this handler's own."""
        super().close()
        self.flush()
        if self._own is not None and self._writer.close():
            self._own.close()
            self._own = None


def _lost_line(formatter: JsonLinesFormatter) -> Callable[[int], bytes]:
    """What the log says when lines were dropped and it takes lines again."""

    def line(count: int) -> bytes:
        record = logging.LogRecord(
            __name__, logging.WARNING, __file__, 0, "log lines were dropped", (), None
        )
        record.fields = {"dropped": count}
        record.process = os.getpid()
        return formatter.format(record).encode() + b"\n"

    return line


def configure(stage: str, level: str, file: Path | None, *, must_open: bool = False) -> None:
    """Log to ``file`` (appended) or, when None, standard error.

    Where ``file`` cannot be opened standard error is the log, which says so; with ``must_open``
    that raises DataDirectoryUnavailable.
    """
    formatter = JsonLinesFormatter(stage)
    sink = None
    problem = ""
    if file is not None:
        try:
            sink = FileSink(file)
        except OSError as error:
            problem = f"log file {file} cannot be opened: {error.strerror}"
            if must_open:
                raise DataDirectoryUnavailable(problem) from None
    if sink is None:
        handler = QueueHandler(standard_error())
    else:
        handler = QueueHandler(LineWriter(sink, _lost_line(formatter)), own=sink)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    set_level(level)
    # the compiler logs every pass at debug level
    logging.getLogger("numba").setLevel(logging.WARNING)
    if problem:
        log.error("%s; this process logs to standard error", problem)


def set_level(level: str) -> None:
    """Log from ``level`` on, one of LEVELS."""
    logging.getLogger().setLevel(LEVELS[level])


def lost_lines() -> int:
    """How many lines of this process's log nobody will see."""
    handlers = logging.getLogger().handlers
    return sum(each.lost() for each in handlers if isinstance(each, QueueHandler))
