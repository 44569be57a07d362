"""The command line of backup, restore and prune."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from exchange.cli import main
from exchange.errors import ExitStatus
from exchange.recovery.snapshot_maker import make_snapshot
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


@pytest.mark.needs_jit  # thousands of commands
def test_what_a_person_lets_go_is_by_default_as_old_as_the_configuration_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, config = tmp_path / "data", tmp_path / "own.toml"
    commands = sample_journal.random_commands(7, 3_000)
    sample_journal.write_journal(data, commands, segment_bytes=65_536)
    sample_journal.write_archive(data)
    make_snapshot(data)
    make_snapshot(data, now=True)

    def going(days: int) -> dict[str, int]:
        config.write_text(f"[retention]\njournal_days = {days}\n")
        words = ["prune", "--json", "--data-dir", str(data), "--config", str(config)]
        assert main(words) == ExitStatus.OK
        found: dict[str, int] = json.loads(capsys.readouterr().out)["prunable"]
        return found

    assert going(1) == {}
    assert len(going(0)) >= 2
    assert main(["prune", "--json", "--data-dir", str(data)]) == ExitStatus.OK
    assert json.loads(capsys.readouterr().out)["prunable"] == {}, "seven days by default"
