"""What a backup says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.backup.manifest import FILE, BackupFile, Manifest, read, write
from exchange.errors import DataDirectoryUnavailable

MANIFEST = Manifest(
    made="2026-11-30T12:00:00+00:00",
    release="0.1.0",
    data_directory="/data",
    configuration="",
    next_command=1,
    next_event=2,
    day=20261130,
    snapshot="",
    files=[BackupFile("engine.json", 3, "00"), BackupFile("journal/0.wal", 3, "00")],
)


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    write(tmp_path, MANIFEST)
    assert read(tmp_path) == MANIFEST
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"version": 2}'])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(DataDirectoryUnavailable, match=FILE):
        read(tmp_path)


def test_another_version_is_refused(tmp_path: Path) -> None:
    write(tmp_path, MANIFEST)
    path = tmp_path / FILE
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(DataDirectoryUnavailable, match="version"):
        read(tmp_path)
