"""A data directory with the segments that have left it, for reading.

Who uses it: ``exchange-replay --shipped DIR``. A temporary directory has the shipped segments,
decompressed, beside what the data directory still has: hard links where both are on one file
system, else copies. Everything else is a link to the data directory. Nothing in either changes.

Decision SUR-9.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from exchange.errors import ArchiveCorrupt, DataDirectoryUnavailable
from exchange.retention.shipping import SUFFIX, ShippingFailed, decompressed
from exchange.runtime.data_directory import ARCHIVE_DIRECTORY, JOURNAL_DIRECTORY
from journal.layout import ARCHIVE_SUFFIX, JOURNAL_SUFFIX, parse_segment_name
from journal.segment import list_segments

_FOLDERS = {JOURNAL_DIRECTORY: JOURNAL_SUFFIX, ARCHIVE_DIRECTORY: ARCHIVE_SUFFIX}


def shipped_segments(folder: Path, suffix: str) -> list[Path]:
    """The copies in a folder of shipped segments, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.name.endswith(SUFFIX)
        and parse_segment_name(path.name.removesuffix(SUFFIX), suffix) is not None
    )


@contextlib.contextmanager
def with_shipped(data_dir: Path, shipped: Path) -> Iterator[Path]:
    """A directory to read instead of ``data_dir``; it is gone afterwards.

    Raises DataDirectoryUnavailable when ``shipped`` has no segments, ArchiveCorrupt when one of
    them is damaged, OSError.
    """
    if not any(shipped_segments(shipped / name, suffix) for name, suffix in _FOLDERS.items()):
        raise DataDirectoryUnavailable(f"{shipped}: there are no shipped segments in it")
    with tempfile.TemporaryDirectory(prefix="exchange-replay-") as name:
        whole = Path(name)
        for path in data_dir.iterdir():
            if path.name not in _FOLDERS:
                (whole / path.name).symlink_to(path.resolve())
        for folder, suffix in _FOLDERS.items():
            (whole / folder).mkdir()
            if (data_dir / folder).is_dir():
                for _, path in list_segments(data_dir / folder, suffix):
                    _link(path, whole / folder / path.name)
            for path in shipped_segments(shipped / folder, suffix):
                _decompress(path, whole / folder / path.name.removesuffix(SUFFIX))
        yield whole


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        pass  # removed meanwhile
    except OSError:
        shutil.copyfile(source, target)


def _decompress(copy: Path, target: Path) -> None:
    """Unless the data directory still has the segment itself."""
    if target.exists():
        return
    try:
        with target.open("wb") as file:
            for part in decompressed(copy):
                file.write(part)
    except ShippingFailed as error:
        raise ArchiveCorrupt(str(error)) from None
