"""``exchange day start --back``: a trading day before the last one, after a clock that was wrong.

Who uses it: the command line. Decision CTL-9.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from exchange.codes import EventKind
from exchange.errors import ConfigurationError, Refused
from exchange.records import EVENT, EVENT_LAYOUT, KIND_OFFSET
from exchange.runtime.data_directory import archive_directory
from journal.archive_reader import ArchiveReader

CHUNK_EVENTS = 1 << 20


def check_day_is_unused(data_directory: Path, number: int | None) -> None:
    """Raise Refused if day ``number`` (YYYYMMDD) was ever started: its sessions have messages.

    Reads the whole archive, as far as it is kept. Raises ConfigurationError without a number.
    """
    if number is None:
        raise ConfigurationError("--back needs --number YYYYMMDD: the day to start")
    archive = ArchiveReader(archive_directory(data_directory), EVENT, EVENT_LAYOUT, KIND_OFFSET)
    first = archive.oldest()
    while len(events := archive.view(first, CHUNK_EVENTS)):
        started = events["kind"] == EventKind.DAY_STARTED
        if np.any(events["price"][started] == number):
            raise Refused(f"day {number} has been traded: it is never started again")
        first += len(events)
