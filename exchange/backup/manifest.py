"""``backup.json``: what a backup holds. Written last: a backup without it is not whole.

Who writes: backup.py. Who reads: restore.py, and people.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import msgspec

from exchange.errors import DataDirectoryUnavailable
from exchange.runtime.data_directory import READ_MODEL_DIRECTORY
from journal.segment import sync_directory

FILE = "backup.json"
VERSION: Literal[1] = 1


class BackupFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file. ``path``: below the backup; ``sha256``: hexadecimal."""

    path: str
    size_bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file.

    made: ISO time, UTC. release: of the program. configuration: the file that the exchange was last
    started with, "" when that is not known. next_command, next_event: what the copy starts with.
    snapshot: the one that its start begins with, "" without one.
    """

    version: Literal[1] = VERSION
    made: str
    release: str
    data_directory: str
    configuration: str
    next_command: int
    next_event: int
    day: int
    snapshot: str
    files: list[BackupFile]


def write(directory: Path, manifest: Manifest) -> None:
    """Write the manifest of ``directory``, durably and as a whole. Raises OSError."""
    path = directory / FILE
    temporary = path.with_name(f".{FILE}.new")
    with temporary.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    sync_directory(directory)


def read(directory: Path) -> Manifest:
    """The manifest of ``directory``. Raises DataDirectoryUnavailable."""
    path = directory / FILE
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except OSError as error:
        raise DataDirectoryUnavailable(
            f"{directory} is no backup, or one that was not finished: {FILE}: {error.strerror}"
        ) from None
    except msgspec.DecodeError as error:
        raise DataDirectoryUnavailable(f"{path}: {error}") from None
    for file in manifest.files:
        parts = Path(file.path).parts
        deepest = 3 if parts[:1] == (READ_MODEL_DIRECTORY,) else 2
        if Path(file.path).is_absolute() or ".." in parts or not 1 <= len(parts) <= deepest:
            raise DataDirectoryUnavailable(f"{path}: {file.path!r} is not a path in a backup")
    return manifest
