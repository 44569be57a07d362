"""What there is in a data directory, which of it may go by the rules, and its removal.

Who uses it: the stage snapshotter, ``exchange prune`` and ``exchange-replay snapshot --prune``.
What the rules (``rules.py``) would let go is looked at twice: first by the headers of the
snapshots, which costs nothing, and before anything goes with both snapshots read whole.

Invariant: nothing is removed on the word of a snapshot that was not read and found good just now.

Decision SUR-8, which supersedes decision SUR-6.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exchange.codes import EventKind
from exchange.engine.state.layout import NEXT_EVENT
from exchange.engine.state.snapshot import list_snapshots, read_places
from exchange.errors import SnapshotInvalid
from exchange.records import COMMAND_LAYOUT, EVENT_LAYOUT, EVENT_SIZE_BYTES
from exchange.recovery.archive_check import open_archive
from exchange.recovery.snapshots import read_snapshots
from exchange.retention.rules import (
    KEPT_SNAPSHOTS,
    Holdings,
    Limit,
    Rules,
    Segment,
    SnapshotPlace,
    leaving,
)
from exchange.runtime.data_directory import (
    archive_directory,
    journal_directory,
    read_model_directory,
    snapshot_directory,
)
from exchange.runtime.disk_use import allocated_bytes
from journal.archive_reader import ArchiveReader
from journal.layout import (
    ARCHIVE_MAGIC,
    ARCHIVE_SUFFIX,
    JOURNAL_MAGIC,
    JOURNAL_SUFFIX,
    SLOT_BYTES,
)
from journal.segment import list_segments, read_header, remove_segment, sync_directory

NANOSECONDS_A_DAY = 86_400_000_000_000
_STEP_EVENTS = 1 << 15


class Prunable(NamedTuple):
    """What may go, oldest first. ``kept``: folder -> what keeps the rest of it."""

    journal: list[Path]
    archive: list[Path]
    snapshots: list[Path]
    kept: Mapping[str, str]

    @property
    def paths(self) -> list[Path]:
        """All of it."""
        return [*self.journal, *self.archive, *self.snapshots]


def by_age(keep_ns: int, *, archive: bool = False) -> Rules:
    """The rules of a person who asks for it: what is older than ``keep_ns`` goes."""
    return Rules(Limit(keep_ns), Limit(keep_ns) if archive else None)


class DayStart:
    """Finds where the current trading day begins in the archive; each event is read once."""

    def __init__(self, archive: ArchiveReader) -> None:
        self._archive = archive
        self._looked = self._found = 0

    def before(self, end: int) -> int:
        """Sequence of the newest DAY_STARTED before ``end``; the oldest event if there is none."""
        oldest = self._archive.oldest()
        if end < self._looked:
            self._looked = self._found = 0
        bottom, last = max(oldest, self._looked), end
        while last > bottom:
            first = max(last - _STEP_EVENTS, bottom)
            events = self._archive.read(first, last - first)
            hits = np.nonzero(events["kind"] == EventKind.DAY_STARTED)[0]
            if len(hits):
                self._found = int(events["sequence"][hits[-1]])
                break
            last = first
        self._looked = end
        return max(self._found, oldest)


def prunable(
    data_dir: Path,
    rules: Rules,
    *,
    consumers: Collection[str] = (),
    covered: int | None = None,
    day_start: DayStart | None = None,
) -> Prunable:
    """What of ``data_dir`` may go.

    ``consumers``: the read models that must be able to begin, besides those that have checkpoints.
    ``covered``: see ``Holdings``. ``day_start``: of an earlier call. Raises OSError and
    ``journal.errors.JournalCorrupt`` when a segment cannot be read.
    """
    day_start = day_start or DayStart(open_archive(archive_directory(data_dir)))
    found = _prunable(data_dir, rules, consumers, covered, day_start, verified=False)
    if found.paths:
        found = _prunable(data_dir, rules, consumers, covered, day_start, verified=True)
    return found


def _prunable(
    data_dir: Path,
    rules: Rules,
    consumers: Collection[str],
    covered: int | None,
    day_start: DayStart,
    *,
    verified: bool,
) -> Prunable:
    snapshots = _verified(data_dir) if verified else _by_header(data_dir)
    journal, of_journal = _segments(journal_directory(data_dir), JOURNAL_SUFFIX)
    archive, of_archive = _segments(archive_directory(data_dir), ARCHIVE_SUFFIX)
    have = Holdings(
        of_journal,
        of_archive,
        [place for _, place in snapshots],
        _readers(data_dir, consumers) if rules.archive is not None else {},
        covered,
        time.time_ns(),
    )
    gone = leaving(have, rules)
    if gone.archive:
        # looked for only where it matters: a day may have a hundred million events
        today = day_start.before(snapshots[-KEPT_SNAPSHOTS][1].next_event)
        have = have._replace(readers={**have.readers, "the current day": today})
        gone = leaving(have, rules)
    return Prunable(
        journal[: gone.journal],
        archive[: gone.archive],
        [path for path, _ in snapshots[: gone.snapshots]],
        gone.kept,
    )


def _verified(data_dir: Path) -> list[tuple[Path, SnapshotPlace]]:
    """The two newest snapshots that load, and every file that is older than them."""
    good: list[tuple[Path, SnapshotPlace]] = []
    for found in read_snapshots(snapshot_directory(data_dir), newest_first=True):
        if found.state is not None:
            place = SnapshotPlace(found.sequence, int(found.state.scalars[NEXT_EVENT]))
            good.insert(0, (found.path, place))
        if len(good) == KEPT_SNAPSHOTS:
            break
    if len(good) < KEPT_SNAPSHOTS:
        return good
    older = [
        (path, SnapshotPlace(sequence, 0))
        for sequence, path in list_snapshots(snapshot_directory(data_dir))
        if sequence < good[0][1].next_command
    ]
    return [*older, *good]


def _by_header(data_dir: Path) -> list[tuple[Path, SnapshotPlace]]:
    """Every snapshot whose header is good."""
    found = []
    for sequence, path in list_snapshots(snapshot_directory(data_dir)):
        try:
            next_command, next_event = read_places(path)
        except (SnapshotInvalid, OSError):
            continue
        if next_command == sequence:
            found.append((path, SnapshotPlace(next_command, next_event)))
    return found


def _segments(directory: Path, suffix: str) -> tuple[list[Path], list[Segment]]:
    """The segments of a directory as files and as what the rules need of them."""
    magic, size, layout = (
        (JOURNAL_MAGIC, SLOT_BYTES, COMMAND_LAYOUT)
        if suffix == JOURNAL_SUFFIX
        else (ARCHIVE_MAGIC, EVENT_SIZE_BYTES, EVENT_LAYOUT)
    )
    listed = list_segments(directory, suffix) if directory.is_dir() else []
    found = []
    for index, (first, path) in enumerate(listed):
        end, ended_ns = first, 0
        if index + 1 < len(listed):
            end, following = listed[index + 1]
            ended_ns = read_header(following, magic, size, layout).created_ns
        found.append(Segment(first, end, ended_ns, allocated_bytes(path)))
    return [path for _, path in listed], found


def _readers(data_dir: Path, consumers: Collection[str]) -> dict[str, int]:
    """Read model -> the first event that it would read if its newest checkpoint were damaged."""
    from exchange.read_model.checkpoint import list_checkpoints

    folder = read_model_directory(data_dir)
    there = [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    readers = {}
    for name in sorted({*there, *consumers}):
        found = list_checkpoints(folder / name)
        if found or name in consumers:
            # a checkpoint is used only where the archive has the event before it
            readers[f"read model {name}"] = max(found[0][0] - 1, 0) if len(found) > 1 else 0
    return readers


def remove(found: Prunable, before: Callable[[Path], None] = lambda path: None) -> None:
    """Remove what may go, oldest first, each durably: a crash leaves no hole. Raises OSError.

    ``before``: called with each segment of journal and archive before it goes; what it raises
    keeps the segment and everything after it.
    """
    for path in found.snapshots:
        os.unlink(path)
    if found.snapshots:
        sync_directory(found.snapshots[0].parent)
    for path in (*found.journal, *found.archive):
        before(path)
        remove_segment(path)
