"""What is copied; tests/faults/test_backup.py restores and replays it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from exchange.backup.backup import make_backup
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
