"""Small files that a test writes."""

from __future__ import annotations

from pathlib import Path


def written(directory: Path, name: str, text: str) -> Path:
    """The path of a new file with ``text``."""
    path = directory / name
    path.write_text(text)
    return path
