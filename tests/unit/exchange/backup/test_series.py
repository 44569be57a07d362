"""Backups one after the other: their names, and which of them stay."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exchange.backup import manifest
from exchange.backup.manifest import FILE, Manifest
from exchange.backup.series import new_directory, one_more, remove_older
from exchange.errors import DataDirectoryUnavailable


def backup(folder: Path, name: str, made: str = "") -> Path:
    """A directory; a finished backup when ``made`` tells its time."""
    path = folder / name
    path.mkdir()
    (path / "journal").mkdir()
    if made:
        content = Manifest(
            made=made,
            release="0.1.0",
            data_directory="/data",
            configuration="",
            next_command=0,
            next_event=0,
            day=0,
            snapshot="",
            files=[],
        )
        manifest.write(path, content)
    return path


def day(folder: Path, number: int) -> Path:
    return backup(folder, f"backup-202611{number}-033000", f"2026-11-{number}T03:30:00+00:00")


def test_names_follow_the_time_and_none_is_there_twice(tmp_path: Path) -> None:
    made = []
    for _ in range(3):
        made.append(new_directory(tmp_path))
        made[-1].mkdir()
    assert sorted(made) == made
    assert re.fullmatch(r"backup-\d{8}-\d{6}", made[0].name)


def test_the_newest_stay_and_nothing_else_is_touched(tmp_path: Path) -> None:
    days = [day(tmp_path, number) for number in range(20, 24)]
    unfinished = backup(tmp_path, "backup-20261119-033000")
    damaged = backup(tmp_path, "backup-20261118-033000")
    (damaged / FILE).write_text("{}")
    own = backup(tmp_path, "backup-before-the-upgrade", "2026-11-01T00:00:00+00:00")
    assert remove_older(tmp_path, 2, days[-1]) == days[:2]
    assert sorted(tmp_path.iterdir()) == sorted([*days[2:], unfinished, damaged, own])
    assert remove_older(tmp_path, 2, days[-1]) == []
    assert remove_older(tmp_path, 9, days[-1]) == []


def test_the_one_just_made_stays_after_a_clock_that_was_ahead(tmp_path: Path) -> None:
    ahead = [day(tmp_path, number) for number in (27, 28, 29)]
    new = day(tmp_path, 20)
    assert remove_older(tmp_path, 2, new) == ahead[:2]
    assert sorted(tmp_path.iterdir()) == [new, ahead[2]]
    assert remove_older(tmp_path, 1, new) == [ahead[2]]
    assert list(tmp_path.iterdir()) == [new]


def test_the_time_made_decides_and_not_the_name(tmp_path: Path) -> None:
    old = backup(tmp_path, "backup-20261129-033000", "2026-11-10T03:30:00+00:00")
    late = backup(tmp_path, "backup-20261101-033000", "2026-11-11T03:30:00+00:00")
    new = day(tmp_path, 12)
    assert remove_older(tmp_path, 2, new) == [old]
    assert sorted(tmp_path.iterdir()) == [late, new]


def test_what_kills_left_goes_at_the_next_run_and_nothing_else(tmp_path: Path) -> None:
    left = backup(tmp_path, "backup-20261119-033000")
    finished = day(tmp_path, 20)
    unreadable = backup(tmp_path, "backup-20261118-033000")
    (unreadable / FILE).write_text('{"version": 2}')
    others = [
        backup(tmp_path, name) for name in ("backup-1", "backup-20261119-033000.old", "notes")
    ]
    target = backup(tmp_path, "elsewhere")
    link = tmp_path / "backup-20261117-033000"
    link.symlink_to(target)
    with one_more(tmp_path) as removed:
        assert removed == [left]
    stays = [finished, unreadable, *others, target, link]
    assert sorted(tmp_path.iterdir()) == sorted(stays)


def test_one_in_progress_is_not_left_over(tmp_path: Path) -> None:
    with one_more(tmp_path):
        progressing = backup(tmp_path, "backup-20261119-033000")
        with one_more(tmp_path) as removed:
            assert removed == []
        assert progressing.is_dir()
    with one_more(tmp_path) as removed:
        assert removed == [progressing]


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with (
        pytest.raises(DataDirectoryUnavailable, match="nothing: No such file"),
        one_more(tmp_path / "nothing"),
    ):
        pass
