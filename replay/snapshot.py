"""``exchange-replay snapshot``: the engine's state in a file, made outside the hot path.

Made from the previous snapshot and the journal after it, by replay; the running daemon takes no
part in it. What goes in is only what can never be taken back: sealed segments, or with ``now`` the
commands before the newest archived event (an event is archived after its command's fdatasync).
Every regenerated event is compared with the archive on the way, and the archive is fsynced up to
the snapshot before the snapshot becomes valid: replay from it cannot write again what lies before.

The file is written beside its name, fsynced, renamed, the directory fsynced (``write_snapshot``),
then read back and compared with the state in memory. An interrupted one never replaces a good one.

Pruning keeps two verified snapshots, so that one damaged file never makes the journal unusable:
only what the older of the two covers may go, and only when it is older than the retention.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exchange.codes import EventKind
from exchange.engine.state.layout import NEXT_EVENT
from exchange.engine.state.snapshot import (
    read_snapshot,
    write_snapshot,
)
from exchange.errors import ArchiveCorrupt, SnapshotInvalid
from exchange.records import COMMAND_LAYOUT, EVENT_LAYOUT, EVENT_SIZE_BYTES
from exchange.recovery.archive_check import ArchiveCheck, ArchiveDiffers
from exchange.recovery.rebuild import rebuild
from exchange.recovery.snapshots import read_snapshots
from exchange.runtime.data_directory import archive_directory, journal_directory, snapshot_directory
from exchange.runtime.process import running_pid
from journal.archive_writer import synchronise
from journal.retention import (
    removable_archive_segments,
    removable_journal_segments,
    remove_segments,
)
from journal.segment import make_directory, sync_directory
from replay.source import JournalView
from replay.state_check import state_difference

ARCHIVE_WAIT_S = 10.0  # for a running journaler to archive what a sealed segment holds
KEPT_SNAPSHOTS = 2


class SnapshotMade(NamedTuple):
    """The snapshot that is now the newest; ``made`` is False when it was there already."""

    path: Path
    next_command: int
    next_event: int
    commands_replayed: int
    size_bytes: int
    seconds: float
    made: bool


class Pruned(NamedTuple):
    """What was removed, oldest first."""

    journal: list[Path]
    archive: list[Path]
    snapshots: list[Path]


def end_of_final(view: JournalView, *, now: bool) -> int:
    """The command sequence below which nothing can change any more."""
    if now:
        return max(ArchiveCheck(archive_directory(view.data_dir), write=False).last_command(), 0)
    return view.segments()[-1][0]


def make_snapshot(
    view: JournalView, *, now: bool = False, progress: Callable[[int, int], None] | None = None
) -> SnapshotMade | None:
    """Make the snapshot of everything final; None when there is nothing final yet.

    Raises ``JournalCorrupt``, ``ArchiveCorrupt``, ``SnapshotInvalid``, OSError.
    """
    started = time.perf_counter()
    end = end_of_final(view, now=now)
    if end == 0:
        return None
    directory = snapshot_directory(view.data_dir)
    make_directory(directory)
    _remove_abandoned(directory)
    archive = ArchiveCheck(archive_directory(view.data_dir), write=False)
    result = rebuild(
        view.data_dir,
        view.capacity(),
        upto_sequence=end,
        on_events=lambda base, events: _compare(view, archive, base, events),
        progress=progress,
    )
    state = result.state
    path = result.snapshot_used
    made = path is None or result.commands_replayed > 0
    if made:
        first_event = result.next_event - result.events_replayed
        if result.next_event > first_event:
            synchronise(
                archive.directory, first_event, result.next_event, archive.reader.segment_records
            )
        path = write_snapshot(directory, state)
        wrong = state_difference(state, read_snapshot(path))
        if wrong is not None:
            path.unlink()
            sync_directory(directory)
            raise SnapshotInvalid(f"{path.name}: read back differently: {wrong}")
    assert path is not None
    return SnapshotMade(
        path=path,
        next_command=result.next_command,
        next_event=result.next_event,
        commands_replayed=result.commands_replayed,
        size_bytes=path.stat().st_size,
        seconds=time.perf_counter() - started,
        made=made,
    )


def _compare(view: JournalView, archive: ArchiveCheck, base: int, events: np.ndarray) -> None:
    """Refuse to build on an archive that differs; wait for a journaler that is a moment behind."""
    deadline = time.monotonic() + ARCHIVE_WAIT_S
    while True:
        found = archive.compare(base, events)
        if found is None:
            return
        if found.found is not None:
            raise ArchiveDiffers(archive.directory, *found)
        if running_pid(view.data_dir) is None:
            raise ArchiveCorrupt(
                f"{archive.directory}: event {found.sequence} is missing; the exchange's next "
                "start completes the archive, make the snapshot after it"
            )
        if time.monotonic() > deadline:
            raise ArchiveCorrupt(
                f"{archive.directory}: event {found.sequence} is missing and the running "
                f"exchange has not archived it within {ARCHIVE_WAIT_S:.0f} s"
            )
        time.sleep(0.01)


def _remove_abandoned(directory: Path) -> None:
    """Remove what interrupted writers left (``NAME.snap.PID.new``); not a living one's."""
    for path in directory.glob("*.snap.*.new"):
        pid = path.name.split(".")[-2]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            path.unlink(missing_ok=True)


def verified_snapshots(data_dir: Path) -> list[tuple[int, Path, int]]:
    """(next command, path, next event) of every snapshot that loads, oldest first."""
    return [
        (found.sequence, found.path, int(found.state.scalars[NEXT_EVENT]))
        for found in read_snapshots(snapshot_directory(data_dir))
        if found.state is not None
    ]


def prune(view: JournalView, *, keep_ns: int, archive: bool = False) -> Pruned:
    """Remove what two verified snapshots make unnecessary and is older than ``keep_ns``.

    ``archive``: archive segments too, but never events of the current day (a session may still ask
    for them). Snapshots older than the two that stay go as well. Raises OSError.
    """
    good = verified_snapshots(view.data_dir)
    if len(good) < KEPT_SNAPSHOTS:
        return Pruned([], [], [])
    sequence, _, next_event = good[-KEPT_SNAPSHOTS]
    before_ns = time.time_ns() - keep_ns
    segments = removable_journal_segments(
        journal_directory(view.data_dir),
        COMMAND_LAYOUT,
        snapshot_sequence=sequence,
        created_before_ns=before_ns,
    )
    remove_segments(segments)
    archived: list[Path] = []
    if archive:
        archived = removable_archive_segments(
            archive_directory(view.data_dir),
            EVENT_SIZE_BYTES,
            EVENT_LAYOUT,
            needed_sequence=min(next_event, _day_start(view, next_event)),
            created_before_ns=before_ns,
        )
        remove_segments(archived)
    old = [path for _, path, _ in good[:-KEPT_SNAPSHOTS]]
    for path in old:
        os.unlink(path)
    if old:
        sync_directory(snapshot_directory(view.data_dir))
    return Pruned(segments, archived, old)


def _day_start(view: JournalView, next_event: int) -> int:
    """Sequence of the newest DAY_STARTED before ``next_event``; the oldest event if none."""
    step = 1 << 15
    end = next_event
    oldest = view.first_event
    while end > oldest:
        first = max(end - step, oldest)
        found = -1
        for events in view.events(first, end):
            hits = np.nonzero(events["kind"] == EventKind.DAY_STARTED)[0]
            if len(hits):
                found = int(events["sequence"][hits[-1]])
        if found >= 0:
            return found
        end = first
    return oldest
