"""``exchange restore DIR``: puts a backup into an empty data directory.

Every file is compared with the manifest while it is copied. ``engine.json`` comes last: no exchange
starts on a data directory without it that has a journal, so a restore that was interrupted is
noticed. The lock of the data directory is held meanwhile.

Decision SUR-5.
"""

from __future__ import annotations

from pathlib import Path

from exchange.backup import manifest
from exchange.backup.copying import checksum, copy_file, make_folder
from exchange.backup.manifest import BackupFile, Manifest
from exchange.errors import DataDirectoryUnavailable
from exchange.runtime.data_directory import CAPACITY_FILE
from exchange.runtime.process import LOCK_FILE, DataDirectoryLock, prepare_data_directory
from journal.segment import sync_directory

IGNORED = frozenset({"lost+found", LOCK_FILE})


def restore(backup: Path, data_dir: Path) -> Manifest:
    """Copy ``backup`` into ``data_dir``, which is absent or empty; what it holds now.

    Raises DataDirectoryUnavailable, AlreadyRunning, OSError.
    """
    made = manifest.read(backup)
    for file in made.files:
        _check(backup, file)
    data_dir = prepare_data_directory(data_dir)
    lock = DataDirectoryLock(data_dir)
    try:
        there = sorted(path.name for path in data_dir.iterdir() if path.name not in IGNORED)
        if there:
            raise DataDirectoryUnavailable(
                f"{data_dir}: is not empty ({', '.join(there[:3])}); move it away, or name another"
            )
        folders = {parent for file in made.files for parent in Path(file.path).parents} - {Path()}
        for folder in sorted(folders):
            make_folder(data_dir / folder)
        for file in sorted(made.files, key=lambda each: each.path == CAPACITY_FILE):
            copy_file(backup / file.path, data_dir / file.path)
            _check(data_dir, file)
            sync_directory((data_dir / file.path).parent)
    finally:
        lock.release()
    return made


def _check(directory: Path, file: BackupFile) -> None:
    path = directory / file.path
    try:
        same = path.stat().st_size == file.size_bytes and checksum(path) == file.sha256
    except OSError as error:
        raise DataDirectoryUnavailable(f"{path}: {error.strerror}") from None
    if not same:
        raise DataDirectoryUnavailable(f"{path}: is not the file that was backed up")
