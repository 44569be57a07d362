"""Bytes on the disk, folder by folder."""

from __future__ import annotations

import os
from pathlib import Path

from exchange.runtime.disk_use import BLOCK_BYTES, allocated_bytes, disk_use


def test_what_is_allocated_counts_and_holes_do_not(tmp_path: Path) -> None:
    folder = tmp_path / "journal" / "below"
    folder.mkdir(parents=True)
    (folder / "whole").write_bytes(os.urandom(100_000))
    (folder / "hole").touch()
    os.truncate(folder / "hole", 1 << 30)
    (tmp_path / "beside").write_bytes(os.urandom(5_000))
    used = disk_use(tmp_path)
    assert 100_000 <= used["journal"] < 200_000
    assert 5_000 <= used["other"] < 50_000
    assert used["other"] % BLOCK_BYTES == 0 and used["free"] > 0


def test_what_is_gone_counts_nothing(tmp_path: Path) -> None:
    assert allocated_bytes(tmp_path / "gone") == 0
    (tmp_path / "link").symlink_to(tmp_path)  # not followed: it would never end
    assert allocated_bytes(tmp_path / "link") < 1 << 16
