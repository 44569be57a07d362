"""Makes the engine's state a file, outside the hot path, and verifies it.

Who uses it: the stage snapshotter and ``exchange-replay snapshot``. A snapshot is made from the one
before and the journal after it, by replay; matcher and journaler take no part in it. What goes in
is only what can never be taken back: sealed segments, or with ``now`` the commands before the
newest archived event (an event is archived after its command's fdatasync). Every regenerated event
is compared with the archive on the way, the chain hash in its checkpoints too, and the archive is
fsynced up to the snapshot before the snapshot becomes valid: replay from it cannot write again what
lies before.

The file is written beside its name, fsynced, read back and compared with the state in memory, then
renamed and the directory fsynced (``write_snapshot``). An interrupted one never replaces a good
one.

Decision SUR-7.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exchange.engine.state.snapshot import (
    Pace,
    write_snapshot,
)
from exchange.errors import ArchiveCorrupt, DataDirectoryUnavailable
from exchange.recovery.archive_check import ArchiveCheck, ArchiveDiffers
from exchange.recovery.rebuild import rebuild
from exchange.runtime.data_directory import (
    CAPACITY_FILE,
    archive_directory,
    journal_directory,
    load_capacities,
    snapshot_directory,
)
from exchange.runtime.process import running_pid
from journal.archive_writer import synchronise
from journal.layout import JOURNAL_SUFFIX
from journal.segment import list_segments, make_directory

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


def end_of_final(data_dir: Path, *, now: bool) -> int:
    """The command sequence below which nothing can change any more."""
    if now:
        return max(ArchiveCheck(archive_directory(data_dir), write=False).last_command(), 0)
    segments = list_segments(journal_directory(data_dir), JOURNAL_SUFFIX)
    return segments[-1][0] if segments else 0


def make_snapshot(
    data_dir: Path,
    *,
    now: bool = False,
    progress: Callable[[int, int], None] | None = None,
    pace: Pace | None = None,
) -> SnapshotMade | None:
    """Make the snapshot of everything final; None when there is nothing final yet.

    ``progress``: as of ``rebuild``. ``pace``: as of ``write_snapshot``. What one of them raises
    ends it, and leaves no half of a file.

    Raises ``JournalCorrupt``, ``ArchiveCorrupt``, ``SnapshotInvalid``, OSError;
    ``DataDirectoryUnavailable`` without ``engine.json``.
    """
    started = time.perf_counter()
    end = end_of_final(data_dir, now=now)
    if end == 0:
        return None
    capacities = load_capacities(data_dir)
    if capacities is None:
        raise DataDirectoryUnavailable(
            f"{data_dir}: {CAPACITY_FILE} is missing: without the engine's capacities its state "
            "cannot be rebuilt"
        )
    directory = snapshot_directory(data_dir)
    make_directory(directory)
    _remove_abandoned(directory)
    archive = ArchiveCheck(archive_directory(data_dir), write=False)
    result = rebuild(
        data_dir,
        capacities,
        upto_sequence=end,
        on_events=lambda base, events: _compare(data_dir, archive, base, events),
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
        path = write_snapshot(directory, state, pace)
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


def _compare(data_dir: Path, archive: ArchiveCheck, base: int, events: np.ndarray) -> None:
    """Refuse to build on an archive that differs; wait for a journaler that is a moment behind."""
    deadline = time.monotonic() + ARCHIVE_WAIT_S
    while True:
        found = archive.compare(base, events)
        if found is None:
            return
        if found.found is not None:
            raise ArchiveDiffers(archive.directory, *found)
        if running_pid(data_dir) is None:
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
