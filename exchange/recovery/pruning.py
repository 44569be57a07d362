"""Which old files of a data directory may go, and what keeps the others.

Who uses it: ``exchange prune`` and ``exchange-replay snapshot --prune``. Nothing goes by itself.
The rule:

    journal     what the older of the two newest verified snapshots covers, and is old enough
    snapshots   all but these two
    archive     only where it is asked for: as the journal, but never events of the current day (a
                session may still ask for them), and never what a read model would have to read if
                its newest checkpoint could not be used

Two snapshots, so that one damaged file never makes the journal unusable. The newest segment always
stays. Checkpoints of the read models are kept two of each by their writer.

Decision SUR-6.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exchange.codes import EventKind
from exchange.engine.state.layout import NEXT_EVENT
from exchange.records import COMMAND_LAYOUT, EVENT_LAYOUT, EVENT_SIZE_BYTES
from exchange.recovery.archive_check import open_archive
from exchange.recovery.snapshots import read_snapshots
from exchange.runtime.data_directory import (
    archive_directory,
    journal_directory,
    read_model_directory,
    snapshot_directory,
)
from journal.archive_reader import ArchiveReader
from journal.layout import ARCHIVE_SUFFIX, JOURNAL_SUFFIX
from journal.retention import (
    removable_archive_segments,
    removable_journal_segments,
    remove_segments,
)
from journal.segment import list_segments, sync_directory

KEPT_SNAPSHOTS = 2
NANOSECONDS_A_DAY = 86_400_000_000_000
_STEP_EVENTS = 1 << 15


class Prunable(NamedTuple):
    """What may go, oldest first. ``kept``: folder -> what keeps the rest of it."""

    journal: list[Path]
    archive: list[Path]
    snapshots: list[Path]
    kept: dict[str, str]

    @property
    def paths(self) -> list[Path]:
        """All of it."""
        return [*self.journal, *self.archive, *self.snapshots]


def prunable(data_dir: Path, *, keep_ns: int, archive: bool = False) -> Prunable:
    """What of ``data_dir`` may go; ``keep_ns``: how old a segment must be. Raises OSError."""
    good = [
        (found.sequence, found.path, int(found.state.scalars[NEXT_EVENT]))
        for found in read_snapshots(snapshot_directory(data_dir))
        if found.state is not None
    ]
    if len(good) < KEPT_SNAPSHOTS:
        why = (
            f"{len(good)} verified snapshots, and {KEPT_SNAPSHOTS} are needed: "
            "`exchange-replay snapshot --now` makes one"
        )
        return Prunable([], [], [], {"journal": why, "archive": why, "snapshots": why})
    sequence, older, next_event = good[-KEPT_SNAPSHOTS]
    before_ns = time.time_ns() - keep_ns
    journal = removable_journal_segments(
        journal_directory(data_dir),
        COMMAND_LAYOUT,
        snapshot_sequence=sequence,
        created_before_ns=before_ns,
    )
    kept = {
        "snapshots": f"the two newest that load: {older.name} and what came after it",
        "journal": _why(journal_directory(data_dir), JOURNAL_SUFFIX, journal, sequence, "command")
        + f" (snapshot {older.name})",
    }
    archived: list[Path] = []
    if archive:
        needed, why = _needed_event(data_dir, next_event)
        archived = removable_archive_segments(
            archive_directory(data_dir),
            EVENT_SIZE_BYTES,
            EVENT_LAYOUT,
            needed_sequence=needed,
            created_before_ns=before_ns,
        )
        kept["archive"] = (
            _why(archive_directory(data_dir), ARCHIVE_SUFFIX, archived, needed, "event")
            + f" ({why})"
        )
    else:
        kept["archive"] = "the whole history, of which everything derived is made; see --archive"
    return Prunable(journal, archived, [path for _, path, _ in good[:-KEPT_SNAPSHOTS]], kept)


def _why(directory: Path, suffix: str, going: list[Path], needed: int, what: str) -> str:
    """What keeps the oldest segment that stays."""
    staying = [entry for entry in list_segments(directory, suffix) if entry[1] not in going]
    if len(staying) < 2:
        return f"the newest segment; {what} {needed:,} is needed"
    if staying[1][0] > needed:
        return f"{what} {needed:,} is needed"
    return "not old enough"


def _needed_event(data_dir: Path, next_event: int) -> tuple[int, str]:
    """The smallest event that somebody may still ask for, and who that is."""
    from exchange.read_model.checkpoint import list_checkpoints

    archive = open_archive(archive_directory(data_dir))
    needed = [(next_event, "the snapshot"), (_day_start(archive, next_event), "the current day")]
    folder = read_model_directory(data_dir)
    for model in sorted(folder.iterdir()) if folder.is_dir() else ():
        found = list_checkpoints(model) if model.is_dir() else []
        if found:
            # the older of two: the newest may turn out to be damaged
            first = found[0][0] if len(found) > 1 else 0
            needed.append((first, f"read model {model.name}"))
    return min(needed)


def _day_start(archive: ArchiveReader, next_event: int) -> int:
    """Sequence of the newest DAY_STARTED before ``next_event``; the oldest event if none."""
    oldest, end = archive.oldest(), next_event
    while end > oldest:
        first = max(end - _STEP_EVENTS, oldest)
        events = archive.read(first, end - first)
        hits = np.nonzero(events["kind"] == EventKind.DAY_STARTED)[0]
        if len(hits):
            return int(events["sequence"][hits[-1]])
        end = first
    return oldest


def remove(found: Prunable) -> None:
    """Remove what may go, oldest first, each durably: a crash leaves no hole. Raises OSError."""
    remove_segments(found.journal)
    remove_segments(found.archive)
    for path in found.snapshots:
        os.unlink(path)
    if found.snapshots:
        sync_directory(found.snapshots[0].parent)
