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
    assert not (tmp_path / "target").exists(), "what has failed takes no disk"


@pytest.mark.parametrize("number", ["0", "-1", "two"])
def test_the_new_backup_always_stays(
    tmp_path: Path, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["backup", "--into", str(tmp_path), f"--keep={number}"])
    assert caught.value.code == ExitStatus.USAGE
    assert f"argument --keep: {number}: at least 1, the new backup" in capsys.readouterr().err


def test_keep_is_about_a_series(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample_journal.make(tmp_path / "data", count=100)
    target = tmp_path / "target"
    words = ["backup", str(target), "--keep", "2", "--data-dir", str(tmp_path / "data")]
    assert main(words) == ExitStatus.USAGE
    assert "argument --keep: only with --into" in capsys.readouterr().err
    assert not target.exists(), "refused before anything is done"


def test_a_series_after_a_clock_that_was_ahead(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.nice", lambda increment: 0)
    sample_journal.make(tmp_path / "data", count=100)
    folder = tmp_path / "backups"
    folder.mkdir()
    words = ["backup", "--into", str(folder), "--data-dir", str(tmp_path / "data")]
    assert main(words) == ExitStatus.OK
    (first,) = folder.iterdir()
    ahead = first.rename(folder / "backup-29990101-000000")
    left = folder / "backup-20250101-000000"
    (left / "journal").mkdir(parents=True)
    assert main([*words, "--keep", "1"]) == ExitStatus.OK
    (new,) = folder.iterdir()
    assert new.name < ahead.name
    said = capsys.readouterr().out
    assert f"{left}: was not finished; removed" in said and f"{ahead}: removed" in said
