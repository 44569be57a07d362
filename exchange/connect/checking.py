"""``exchange connect check NAME``: what another system holds, compared with the archive.

Who uses it: the command line, tests and the benchmark. The archive is read while the exchange runs
or stands still; what was released after the check's beginning is not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exchange.connect.directory import Directory
from exchange.recovery.archive_check import open_archive
from exchange.runtime.data_directory import archive_directory
from exchange.settings import Settings
from exchange.store.offline import ArchiveSource, archive_end, need_all
from journal.archive_reader import ArchiveReader

BATCH_EVENTS = 32_768
LIMIT = 20  # differences that a person wants to read


class CheckResult(NamedTuple):
    """The findings: none of ``differences`` when all is well, LIMIT at most.

    ``records``: how many were compared. ``notes``: what was not compared.
    """

    records: int
    differences: list[str]
    notes: list[str]


class CheckedWorld:
    """The archive of ``data_directory`` as it is now, and the settings of the exchange."""

    def __init__(
        self,
        data_directory: Path,
        settings: Settings,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        self.data_directory = data_directory
        self.settings = settings
        self.archive: ArchiveReader = open_archive(archive_directory(data_directory))
        self.end = archive_end(self.archive)
        self.directory = Directory()
        self._on_progress = on_progress
        need_all(self.archive, "a check")

    def look_again(self) -> None:
        """Take in what was released since: ``end`` grows."""
        self.end = archive_end(self.archive)

    def progress(self, next_event: int) -> None:
        """Tell how far a check is that follows the archive by itself."""
        self._on_progress(next_event, self.end)

    def batches(self, end: int | None = None) -> Iterator[np.ndarray]:
        """All events from the first to ``end`` (None: the newest); the directory knows them."""
        source = ArchiveSource(self.archive, 0, self.end if end is None else end)
        while source.behind() > 0:
            events = source.read(BATCH_EVENTS)
            assert len(events) > 0, f"event {source.next_event} is not in the archive"
            self.directory.learn(events)
            self.progress(source.next_event)
            yield events
