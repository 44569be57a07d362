"""Small files that a test writes."""

from __future__ import annotations

import shutil
from pathlib import Path

from exchange.settings import DEFAULT_FILE


def written(directory: Path, name: str, text: str) -> Path:
    """The path of a new file with ``text``."""
    path = directory / name
    path.write_text(text)
    return path


def copy_shipped(directory: Path) -> None:
    """Put the shipped accounts, instruments and sessions into ``directory`` where it has none."""
    for name in ("accounts.toml", "instruments.toml", "sessions.toml"):
        if not (directory / name).exists():
            shutil.copyfile(DEFAULT_FILE.parent / name, directory / name)
