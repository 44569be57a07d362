"""What a data directory takes of its disk, folder by folder.

Who uses it: ``exchange status`` and ``exchange prune``.
"""

from __future__ import annotations

import os
from pathlib import Path

BLOCK_BYTES = 512  # of st_blocks, whatever the file system's own blocks are
OTHER = "other"


def allocated_bytes(path: Path) -> int:
    """Bytes on the disk of a file, or of everything below a directory; what is gone counts 0."""
    total = 0
    try:
        if path.is_dir() and not path.is_symlink():
            with os.scandir(path) as entries:
                return sum(allocated_bytes(Path(entry.path)) for entry in entries)
        total = path.lstat().st_blocks * BLOCK_BYTES
    except OSError:
        pass  # removed meanwhile, or not ours to look into
    return total


def disk_use(data_dir: Path) -> dict[str, int]:
    """Folder -> bytes on the disk ("other": files beside the folders), and "free" bytes."""
    found: dict[str, int] = {}
    for path in sorted(data_dir.iterdir()):
        name = path.name if path.is_dir() else OTHER
        found[name] = found.get(name, 0) + allocated_bytes(path)
    place = os.statvfs(data_dir)
    return found | {"free": place.f_bavail * place.f_frsize}
