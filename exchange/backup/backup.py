"""``exchange backup DIR``: a copy of a data directory that starts, made while the exchange runs.

The order is what makes it fit. Recovery needs, for each snapshot, the archive before it, and for
each archived event the journal with its command. So what needs is copied before what is needed:

    read_model   checkpoints, where the archive's beginning has left it; else none is needed
    snapshots    whole files, the newest two
    archive      up to the newest event that was there before its copy began
    journal      up to the end of the frame with that event's command, which is durable
    engine.json, keys.json, releases.json

Then the copy is recovered as at a start: every event after its snapshot is made again, compared
with the archive and completed there. The manifest, with the checksum of every file, comes last.
The running exchange takes no part in it. Postgres is not copied: it is made again from the archive,
or has a backup of its own. ``master.key`` is not copied either: it must not lie beside
``keys.json``.

Decision SUR-5.
"""

from __future__ import annotations

import datetime
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from exchange.access.keys import FILE as KEYS_FILE
from exchange.backup import manifest
from exchange.backup.copying import checksum, copy_file, make_folder
from exchange.backup.manifest import BackupFile, Manifest
from exchange.engine.state.layout import DAY_NUMBER
from exchange.engine.state.snapshot import list_snapshots
from exchange.errors import ConfigurationError, DataDirectoryUnavailable
from exchange.read_model.checkpoint import list_checkpoints
from exchange.records import COMMAND, COMMAND_LAYOUT, EVENT_SIZE_BYTES
from exchange.recovery.archive_check import ArchiveCheck
from exchange.recovery.rebuild import RebuildResult, rebuild
from exchange.runtime.configured import configuration_in_use
from exchange.runtime.data_directory import (
    ARCHIVE_DIRECTORY,
    CAPACITY_FILE,
    JOURNAL_DIRECTORY,
    READ_MODEL_DIRECTORY,
    SNAPSHOT_DIRECTORY,
    archive_directory,
    journal_directory,
    read_model_directory,
    snapshot_directory,
)
from exchange.runtime.process import running_pid
from exchange.runtime.release import RELEASE
from exchange.runtime.releases import FILE as RELEASES_FILE
from journal.layout import ARCHIVE_SUFFIX, HEADER_BYTES, JOURNAL_SUFFIX
from journal.reader import JournalReader
from journal.recovery import recover
from journal.segment import list_segments, sync_directory

SNAPSHOTS = 2
NICENESS = 10
FOLDERS = (SNAPSHOT_DIRECTORY, ARCHIVE_DIRECTORY, JOURNAL_DIRECTORY)

Progress = Callable[[int, int], None]


class _Place(NamedTuple):
    """Where the copy of the journal ends: in the last segment that is copied, after ``offset``."""

    segment: Path
    offset: int  # bytes


def make_backup(data_dir: Path, target: Path, progress: Progress | None = None) -> Manifest:
    """Copy ``data_dir`` to ``target``, an absent or empty directory, and verify the copy.

    A directory that it made is gone again after an error. Raises DataDirectoryUnavailable,
    ``JournalCorrupt``, ``ArchiveDiffers``, OSError.
    """
    check_source(data_dir)
    source, there = data_dir.resolve(), target.resolve()
    if there.is_relative_to(source) or source.is_relative_to(there):
        raise DataDirectoryUnavailable(
            f"{target}: must be neither the data directory {source}, nor inside of it, nor contain "
            "it: name a directory elsewhere, best on another disk"
        )
    if target.exists():
        if not target.is_dir() or any(target.iterdir()):
            raise DataDirectoryUnavailable(f"{target}: is there already; name a new directory")
        return _fill(data_dir, target.resolve(), progress)
    make_folder(target)
    target = target.resolve()
    try:
        return _fill(data_dir, target, progress)
    except BaseException:  # Ctrl-C too: half a backup is of no use and takes the disk
        shutil.rmtree(target, ignore_errors=True)
        raise


def _fill(data_dir: Path, target: Path, progress: Progress | None) -> Manifest:
    """Copy into ``target``, an empty directory, and verify the copy."""
    for folder in FOLDERS:
        make_folder(target / folder)
    os.nice(NICENESS)
    models = _copy_read_models(data_dir, target)
    _copy_snapshots(data_dir, target)
    command = _copy_archive(data_dir, target)
    _copy_journal(data_dir, target, _end_of_journal(data_dir, command))
    for name in (CAPACITY_FILE, KEYS_FILE, RELEASES_FILE):
        if (data_dir / name).exists():
            copy_file(data_dir / name, target / name)
    for folder in (*FOLDERS, *models, ""):
        sync_directory(target / folder)
    result = rebuild(target, repair=True, write_archive=True, progress=progress)
    made = _describe(data_dir, target, result, (*FOLDERS, *models))
    manifest.write(target, made)
    return made


def check_source(data_dir: Path) -> None:
    """Raises DataDirectoryUnavailable when ``data_dir`` is not an exchange's."""
    if not (data_dir / CAPACITY_FILE).exists() or not journal_directory(data_dir).is_dir():
        raise DataDirectoryUnavailable(f"{data_dir}: no data directory of an exchange")


def _copy_read_models(data_dir: Path, target: Path) -> list[str]:
    """Copy the checkpoints if nothing else has what was before them; their folders."""
    check = ArchiveCheck(archive_directory(data_dir), write=False)
    found = read_model_directory(data_dir)
    if check.reader.oldest() == 0 or not found.is_dir():
        return []
    make_folder(target / READ_MODEL_DIRECTORY)
    folders = []
    for model in sorted(path for path in found.iterdir() if path.is_dir()):
        folders.append(f"{READ_MODEL_DIRECTORY}/{model.name}")
        make_folder(target / folders[-1])
        for _, path in list_checkpoints(model):
            copy_file(path, target / folders[-1] / path.name)
    return folders


def _copy_snapshots(data_dir: Path, target: Path) -> None:
    for _, path in list_snapshots(snapshot_directory(data_dir))[-SNAPSHOTS:]:
        if path.is_file():
            copy_file(path, target / SNAPSHOT_DIRECTORY / path.name)


def _copy_archive(data_dir: Path, target: Path) -> int:
    """Copy the events that are there now; the sequence of the newest one's command, -1: none."""
    check = ArchiveCheck(archive_directory(data_dir), write=False)
    last = check.reader.last() if check.directory.is_dir() else None
    if last is None:
        return -1
    end = int(last["sequence"]) + 1
    for first, path in list_segments(check.directory, ARCHIVE_SUFFIX):
        if first < end:
            offset = HEADER_BYTES + (end - first) * EVENT_SIZE_BYTES
            copy_file(path, target / ARCHIVE_DIRECTORY / path.name, offset)
    return check.last_command()


def _end_of_journal(data_dir: Path, command: int) -> _Place:
    """After the frame of ``command``; of an exchange that does not run, the journal's end."""
    directory = journal_directory(data_dir)
    if running_pid(data_dir) is None:
        report = recover(
            directory,
            COMMAND_LAYOUT,
            repair=False,
            from_sequence=max(command, 0),
            durable_sequence=command + 1,
        )
        return _Place(list_segments(directory, JOURNAL_SUFFIX)[-1][1], report.append_offset)
    if command < 0:
        raise DataDirectoryUnavailable(f"{data_dir}: the exchange has only just started")
    reader = JournalReader(directory, COMMAND, COMMAND_LAYOUT, command)
    next(reader.frames())  # the frame of an archived event is whole and durable
    path, offset = reader.place
    return _Place(path, offset)


def _copy_journal(data_dir: Path, target: Path, end: _Place) -> None:
    for _, path in list_segments(journal_directory(data_dir), JOURNAL_SUFFIX):
        if path.name <= end.segment.name:
            offset = end.offset if path.name == end.segment.name else None
            copy_file(path, target / JOURNAL_DIRECTORY / path.name, offset)


def _describe(
    data_dir: Path, target: Path, result: RebuildResult, folders: Iterable[str]
) -> Manifest:
    try:
        configuration = str(configuration_in_use(data_dir, None))
    except ConfigurationError:
        configuration = ""
    names = [CAPACITY_FILE, KEYS_FILE, RELEASES_FILE]
    for folder in folders:
        names += sorted(f"{folder}/{path.name}" for path in (target / folder).iterdir())
    paths = [target / name for name in names if (target / name).exists()]
    return Manifest(
        made=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        release=RELEASE,
        data_directory=str(data_dir.resolve()),
        configuration=configuration,
        next_command=result.next_command,
        next_event=result.next_event,
        day=int(result.state.scalars[DAY_NUMBER]),
        snapshot=result.snapshot_used.name if result.snapshot_used else "",
        files=[
            BackupFile(str(path.relative_to(target)), path.stat().st_size, checksum(path))
            for path in paths
        ],
    )
