"""One backup after the other in a directory: the names of new ones, and how many stay.

Who uses it: ``exchange backup --into DIR --keep N``, which the timer of an installation runs. Only
what a backup has finished is counted and removed, so one that fails never costs an older one.
"""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path

from exchange.backup import manifest
from exchange.errors import ConfigurationError

NAME = "backup-"
FORMAT = f"{NAME}%Y%m%d-%H%M%S"  # UTC: names in the order of time


def new_directory(folder: Path) -> Path:
    """A name in ``folder`` that is not there yet, after the time that it is now."""
    now = datetime.datetime.now(datetime.UTC)
    while True:
        path = folder / now.strftime(FORMAT)
        if not path.exists():
            return path
        now += datetime.timedelta(seconds=1)


def remove_older(folder: Path, keep: int) -> list[Path]:
    """Remove all finished backups in ``folder`` but the newest ``keep``; what was removed.

    Raises ConfigurationError, OSError.
    """
    if keep < 1:
        raise ConfigurationError(f"--keep {keep}: at least the new backup stays")
    finished = sorted(path for path in folder.glob(f"{NAME}*") if (path / manifest.FILE).is_file())
    older = finished[:-keep]
    for path in older:
        (path / manifest.FILE).unlink()  # what has lost a part is no backup
        shutil.rmtree(path)
    return older
