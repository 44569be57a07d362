"""Rotation of ``log.file``: a large one is moved aside, and the oldest of those moved go.

Who uses it: the stage snapshotter. Every process begins the new file with its next line
(exchange/runtime/logs.py). What logrotate or a person has moved has other names and is left alone.
"""

from __future__ import annotations

import datetime
import re
from pathlib import Path

_MOMENT = "%Y%m%dT%H%M%S.%fZ"
_MOVED = re.compile(r"\.[0-9]{8}T[0-9]{6}\.[0-9]{6}Z\Z")


def moved_logs(file: Path) -> list[Path]:
    """The log files that ``rotate`` has moved aside, oldest first."""
    if not file.parent.is_dir():
        return []
    return sorted(
        path
        for path in file.parent.iterdir()
        if path.name.startswith(file.name) and _MOVED.fullmatch(path.name[len(file.name) :])
    )


def rotate(file: Path, size_bytes: int, kept: int) -> int:
    """Move ``file`` aside if it has ``size_bytes``; keep ``kept`` of those moved, remove the rest.

    Returns how many were removed. Raises OSError.
    """
    if file.is_file() and file.stat().st_size >= size_bytes:
        moment = datetime.datetime.now(datetime.UTC).strftime(_MOMENT)
        file.rename(file.with_name(f"{file.name}.{moment}"))
    going = moved_logs(file)[: -kept or None]
    for path in going:
        path.unlink()
    return len(going)
