"""Backups one after the other: their names, and which of them stay."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exchange.backup.manifest import FILE
from exchange.backup.series import new_directory, remove_older
from exchange.errors import ConfigurationError


def backup(folder: Path, name: str, *, finished: bool = True) -> Path:
    path = folder / name
    path.mkdir()
    if finished:
        (path / FILE).write_text("{}")
    return path


def test_names_follow_the_time_and_none_is_there_twice(tmp_path: Path) -> None:
    made = []
    for _ in range(3):
        made.append(new_directory(tmp_path))
        made[-1].mkdir()
    assert sorted(made) == made
    assert re.fullmatch(r"backup-\d{8}-\d{6}", made[0].name)


def test_the_newest_stay_and_nothing_else_is_touched(tmp_path: Path) -> None:
    days = [backup(tmp_path, f"backup-2026113{day}-033000") for day in range(4)]
    unfinished = backup(tmp_path, "backup-20261129-033000", finished=False)
    foreign = backup(tmp_path, "before-the-upgrade")
    assert remove_older(tmp_path, 2) == days[:2]
    assert sorted(tmp_path.iterdir()) == sorted([*days[2:], unfinished, foreign])
    assert remove_older(tmp_path, 2) == []


def test_the_new_one_always_stays(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="at least the new backup"):
        remove_older(tmp_path, 0)
