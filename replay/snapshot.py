"""``exchange-replay snapshot``: the engine's state in a file, made outside the hot path.

Made from the previous snapshot and the journal after it, by replay; the running daemon takes no
part in it. What goes in is only what can never be taken back: sealed segments, or with ``now`` the
commands before the newest archived event (an event is archived after its command's fdatasync).
Every regenerated event is compared with the archive on the way, and the archive is fsynced up to
the snapshot before the snapshot becomes valid: replay from it cannot write again what lies before.

The file is written beside its name, fsynced, renamed, the directory fsynced (``write_snapshot``),
then read back and compared with the state in memory. An interrupted one never replaces a good one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exchange.engine.state.snapshot import (
    read_snapshot,
    write_snapshot,
)
from exchange.errors import ArchiveCorrupt, SnapshotInvalid
from exchange.recovery.archive_check import ArchiveCheck, ArchiveDiffers
from exchange.recovery.rebuild import rebuild
from exchange.runtime.data_directory import archive_directory, snapshot_directory
from exchange.runtime.process import running_pid
from journal.archive_writer import synchronise
from journal.segment import make_directory, sync_directory
from replay.source import JournalView
from replay.state_check import state_difference

ARCHIVE_WAIT_S = 10.0  # for a running journaler to archive what a sealed segment holds


class SnapshotMade(NamedTuple):
    """The snapshot that is now the newest; ``made`` is False when it was there already."""

    path: Path
    next_command: int
    next_event: int
    commands_replayed: int
    size_bytes: int
    seconds: float
    made: bool


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
