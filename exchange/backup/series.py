"""One backup after the other in a directory: the names of new ones, and how many stay.

Who uses it: ``exchange backup --into DIR --keep N``, which the timer of an installation runs. Only
what a backup has finished is counted and removed, so one that fails never costs an older one. The
clock may have been wrong: the backup just made stays, whatever the others' names and times say.
"""

from __future__ import annotations

import datetime
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exchange.backup import manifest
from exchange.errors import DataDirectoryUnavailable

FORMAT = "backup-%Y%m%d-%H%M%S"  # UTC
NAME = re.compile(r"backup-[0-9]{8}-[0-9]{6}")


def new_directory(folder: Path) -> Path:
    """A name in ``folder`` that is not there yet, after the time that it is now."""
    now = datetime.datetime.now(datetime.UTC)
    while True:
        path = folder / now.strftime(FORMAT)
        if not path.exists():
            return path
        now += datetime.timedelta(seconds=1)


@contextmanager
def one_more(folder: Path) -> Iterator[list[Path]]:
    """While a backup is made in ``folder``; yields the unfinished ones that it removed before.

    Every backup in progress shares a lock on ``folder``. What is unfinished is left over only when
    nobody has that lock; a file system without locks keeps it. Raises DataDirectoryUnavailable.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise DataDirectoryUnavailable(f"{folder}: {error.strerror}") from None
    try:
        removed = []
        if _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB):
            removed = [path for path in _named(folder) if _remove_unfinished(path)]
        _lock(descriptor, fcntl.LOCK_SH)
        yield removed
    finally:
        os.close(descriptor)


def _lock(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how)
    except OSError:  # somebody else's, or none on this file system
        return False
    return True


def _named(folder: Path) -> list[Path]:
    """The directories in ``folder`` with a name of the series."""
    return sorted(
        path
        for path in folder.iterdir()
        if NAME.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
    )


def _remove_unfinished(path: Path) -> bool:
    """Remove what has no manifest at all: one that does not read may be a later release's."""
    try:
        if manifest.FILE in os.listdir(path):
            return False
        shutil.rmtree(path)
    except OSError:  # somebody else's: no reason to make no backup
        return False
    return True


def remove_older(folder: Path, keep: int, new: Path) -> list[Path]:
    """Remove the finished backups in ``folder`` but ``new`` and the newest ``keep`` - 1 others.

    Newest by the time that the manifest says. Returns what was removed. Raises OSError.
    """
    others = []
    for path in _named(folder):
        if path.name == new.name:
            continue
        try:
            others.append((manifest.read(path).made, path))
        except DataDirectoryUnavailable:
            continue
    older = [path for _, path in sorted(others)[: max(len(others) - (keep - 1), 0)]]
    for path in older:
        (path / manifest.FILE).unlink()  # what has lost a part is no backup
        shutil.rmtree(path)
    return older
