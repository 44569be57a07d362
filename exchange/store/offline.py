"""The archive of a data directory as the publisher's world: for runs without a daemon.

Who uses it: ``exchange store rebuild`` and ``check``, the benchmark and tests. What is in the
archive is durable and can be released; it is followed to an end that was fixed at the beginning.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from exchange.errors import ArchiveCorrupt
from exchange.recovery.archive_check import open_archive
from exchange.runtime.data_directory import archive_directory
from exchange.store.checkpoints import new_state
from exchange.store.publisher import Progress
from exchange.store.rows.state_rows import AccountState
from journal.archive_reader import ArchiveReader


class ArchiveSource:
    """Reads an archive from ``next_event`` to ``end``, in order; ``publisher.Source``."""

    def __init__(self, archive: ArchiveReader, next_event: int, end: int) -> None:
        self._archive = archive
        self._end = end
        self.next_event = next_event
        self.lapped_count = 0  # an archive does not overtake

    def behind(self) -> int:
        return self._end - self.next_event

    def read(self, limit: int) -> np.ndarray:
        found = self._archive.view(self.next_event, min(limit, self.behind())).copy()
        self.next_event += len(found)
        return found


class ArchivedEvents:
    """``publisher.Surroundings`` of an archive that does not grow; ``end``: None: all of it."""

    def __init__(
        self,
        data_directory: Path,
        batch_events: int,
        *,
        end: int | None = None,
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self._data_directory = data_directory
        self._batch_events = batch_events
        self._archive = open_archive(archive_directory(data_directory))
        self.on_progress = on_progress
        self.end = end if end is not None else archive_end(self._archive)
        self.next_event = 0

    def source(self, next_event: int) -> ArchiveSource:
        return ArchiveSource(self._archive, next_event, self.end)

    def archive(self) -> ArchiveReader:
        return self._archive

    def released(self) -> int:
        return self.end

    def model(self, next_event: int) -> AccountState:
        return new_state(self._data_directory, self._batch_events)

    def settled(self, state: AccountState) -> None:
        """No checkpoint: the stage writes its own."""

    def ended(self, state: AccountState) -> None:
        """As above."""

    def should_stop(self) -> bool:
        return self.next_event >= self.end

    def wait(self, timeout_s: float, ready: Callable[[], bool]) -> None:
        if not ready():
            time.sleep(timeout_s)

    def beat(self) -> None:
        """Nobody listens."""

    def report(self, progress: Progress) -> None:
        self.next_event = progress.next_event
        self.on_progress(progress)


def need_all(archive: ArchiveReader, what: str) -> None:
    """Raises ArchiveCorrupt when the archive's beginning, which ``what`` needs, has left it."""
    if archive.oldest() > 0:
        raise ArchiveCorrupt(
            f"{archive.directory}: begins with event {archive.oldest():,}, and {what} needs all "
            "of it: put back the segments before it ([archive], or a backup)"
        )


def archive_end(archive: ArchiveReader) -> int:
    """The sequence after the archive's last event."""
    last = archive.last()
    return 0 if last is None else int(last["sequence"]) + 1
