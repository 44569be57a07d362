"""What is copied; tests/faults/test_backup.py restores and replays it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from exchange.backup.backup import make_backup
from exchange.backup.restore import restore
from exchange.errors import DataDirectoryUnavailable
from exchange.read_model.checkpoint import checkpoint_path
from exchange.recovery.snapshot_maker import make_snapshot
from exchange.retention.pruning import by_age, prunable, remove
from tests.harness import sample_journal


def test_a_backup_has_what_a_start_needs_and_no_master_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "nice", lambda increment: 0)
    data = tmp_path / "data"
    sample_journal.make(data, count=200)
    (data / "keys.json").write_text("{}")
    (data / "master.key").write_text("secret")
    made = make_backup(data, tmp_path / "backup")
    names = [file.path for file in made.files]
    assert names[:2] == ["engine.json", "keys.json"]
    assert {name.partition("/")[0] for name in names[2:]} == {"archive", "journal"}
    assert not any("master" in path.name for path in (tmp_path / "backup").rglob("*"))
    assert made.configuration == "" and made.next_event > 0


@pytest.mark.needs_jit  # thousands of commands
def test_where_the_archive_has_lost_its_beginning_the_read_models_are_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "nice", lambda increment: 0)
    data = tmp_path / "data"
    sample_journal.write_journal(data, sample_journal.two_days(7, 1_500), segment_bytes=65_536)
    sample_journal.write_archive(data)
    model = data / "read_model" / "api"
    model.mkdir(parents=True)
    for event in (3_000, 3_500):
        checkpoint_path(model, event).write_text(str(event))
    whole = make_backup(data, tmp_path / "whole")
    assert not any("read_model" in file.path for file in whole.files), "the archive has all of it"
    make_snapshot(data)
    make_snapshot(data, now=True)
    found = prunable(data, by_age(0, archive=True))
    assert found.archive
    remove(found)
    made = make_backup(data, tmp_path / "backup")
    shutil.rmtree(data)
    restore(tmp_path / "backup", data)
    assert [path.read_text() for path in sorted(model.iterdir())] == ["3000", "3500"]
    assert {file.path for file in made.files} > {
        f"read_model/api/{path.name}" for path in model.iterdir()
    }


def test_one_that_ends_removes_only_the_directory_that_it_has_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(increment: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "nice", interrupted)
    sample_journal.make(tmp_path / "data", count=100)
    there = tmp_path / "there"
    there.mkdir()
    for target in (tmp_path / "new", there):
        with pytest.raises(KeyboardInterrupt):
            make_backup(tmp_path / "data", target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "there"]


@pytest.mark.parametrize("where", ["data/backup", "data", "."])
def test_a_backup_is_no_part_of_what_it_copies(tmp_path: Path, where: str) -> None:
    data = tmp_path / "data"
    sample_journal.make(data, count=100)
    before = sorted(data.rglob("*"))
    with pytest.raises(DataDirectoryUnavailable, match="must be neither the data directory"):
        make_backup(data, tmp_path / where)
    assert sorted(data.rglob("*")) == before
