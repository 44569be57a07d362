"""The command line of backup, restore and prune."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.cli import main
from exchange.errors import ExitStatus
from journal.layout import HEADER_BYTES
from tests.harness import sample_journal


@pytest.mark.parametrize("words", [("backup", "target"), ("restore", "nothing"), ("prune",)])
def test_what_is_not_there_is_one_line(
    tmp_path: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    command, *rest = words
    paths = [str(tmp_path / word) for word in rest]
    status = main([command, *paths, "--data-dir", str(tmp_path / "data")])
    assert status == ExitStatus.DATA_DIRECTORY_UNAVAILABLE
    assert capsys.readouterr().err.count("\n") == 1


def test_a_damaged_journal_has_its_own_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.nice", lambda increment: 0)
    sample_journal.make(tmp_path / "data", count=100)
    first = min((tmp_path / "data" / "journal").glob("*.wal"))
    content = bytearray(first.read_bytes())
    content[HEADER_BYTES + 100] ^= 1
    first.write_bytes(content)
    status = main(["backup", str(tmp_path / "target"), "--data-dir", str(tmp_path / "data")])
    assert status == ExitStatus.JOURNAL_CORRUPT
    assert first.name in capsys.readouterr().err
