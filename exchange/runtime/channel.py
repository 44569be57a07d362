"""A stage's channel to the daemon, and the status with which a failure ends a stage.

Who uses it: ``stages/main.py`` and the bodies of the stages.
"""

from __future__ import annotations

import os

import msgspec

from exchange.errors import ExchangeError, ExitStatus
from exchange.runtime.spec import StageMessage
from journal.errors import FatalJournalError, JournalCorrupt
from ringbuffer.errors import RegionError


def exit_status(error: BaseException) -> int:
    """The exit status that stands for ``error``."""
    if isinstance(error, ExchangeError):
        return int(error.status)
    if isinstance(error, FatalJournalError):
        return int(ExitStatus.JOURNAL_FAILED)
    if isinstance(error, JournalCorrupt):
        return int(ExitStatus.JOURNAL_CORRUPT)
    if isinstance(error, RegionError):
        return int(ExitStatus.SHARED_MEMORY_UNAVAILABLE)
    if isinstance(error, OSError):
        # outside the journal's own checks: a file of the data directory
        return int(ExitStatus.DATA_DIRECTORY_UNAVAILABLE)
    return int(ExitStatus.BUG)


class DaemonChannel:
    """The stage's end of the pipe to the daemon."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def send(self, message: StageMessage) -> None:
        """Send one message. The daemon always reads; when it dies, the kernel kills this stage."""
        data = msgspec.json.encode(message) + b"\n"
        while data:
            data = data[os.write(self._descriptor, data) :]


def explain(error: BaseException) -> str:
    """``error`` in one line for the operator."""
    text = str(error) or repr(error)
    return text if isinstance(error, ExchangeError) else f"{type(error).__name__}: {text}"
