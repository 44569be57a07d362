"""Copies files as they are at one moment, and makes the copies durable.

Who uses it: backup.py and restore.py. A segment that is being written is copied to a place that
was final before the copy began; whatever the writer does meanwhile comes after that place, and in
the copy there are zeros.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from exchange.errors import DataDirectoryUnavailable
from journal.segment import sync_directory

_STEP_BYTES = 4 << 20


def copy_file(source: Path, target: Path, end: int | None = None) -> None:
    """Copy the bytes of ``source`` below ``end`` (None: all); the copy is as long as the source.

    Raises DataDirectoryUnavailable when the source is gone, or the copy cannot be written.
    """
    try:
        with source.open("rb") as reading:
            size = os.fstat(reading.fileno()).st_size
            left = size if end is None else min(end, size)
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as writing:
                while left > 0:
                    data = reading.read(min(_STEP_BYTES, left))
                    if not data:
                        break
                    writing.write(data)
                    left -= len(data)
                writing.truncate(size)
                writing.flush()
                os.fsync(descriptor)
    except OSError as error:
        raise DataDirectoryUnavailable(
            f"{source} cannot be copied to {target}: {error.strerror}"
        ) from None


def checksum(path: Path) -> str:
    """SHA-256 of a file, hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_folder(path: Path) -> None:
    """Make a directory with mode 0700, durable in its parent; it must not exist."""
    try:
        path.mkdir(mode=0o700)
        sync_directory(path.parent)
    except OSError as error:
        raise DataDirectoryUnavailable(f"{path} cannot be made: {error.strerror}") from None
