"""What has left the disk is read again from where it was shipped to."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from exchange.errors import ArchiveCorrupt, DataDirectoryUnavailable, ExitStatus
from exchange.recovery.snapshot_maker import make_snapshot
from exchange.retention.pruning import by_age, prunable, remove
from exchange.retention.shipping import DirectoryShipper
from journal.segment import list_segments
from replay.cli import main
from replay.shipped import shipped_segments, with_shipped
from tests.harness import sample_journal

pytestmark = pytest.mark.needs_jit  # thousands of commands


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that has shipped and removed its beginning, beside what it was before."""
    root = tmp_path_factory.mktemp("made")
    data = root / "data"
    commands = sample_journal.two_days(9, 1_500)
    sample_journal.write_journal(data, commands, segment_bytes=65_536)
    sample_journal.write_archive(data)
    make_snapshot(data)
    make_snapshot(data, now=True)
    shutil.copytree(data, root / "whole")
    found = prunable(data, by_age(0, archive=True))
    assert len(found.journal) >= 2 and found.archive
    remove(found, DirectoryShipper(root / "shipped", 3, lambda: None).ship)
    return root


def said(capsysbinary: Any, *words: str) -> str:
    assert main(list(words)) == ExitStatus.OK
    return str(capsysbinary.readouterr().out.decode())


def test_every_command_reads_as_if_nothing_had_left(made: Path, capsysbinary: Any) -> None:
    shipped = ("--shipped", str(made / "shipped"))
    files = sorted(path for path in made.rglob("*"))
    for words in (
        ("show", "commands", "--json", "--first", "0", "--last", "50"),
        ("show", "events", "--json", "--last", "50"),
        ("export", "trades"),
        ("accounts", "--at", "500", "--json"),
        ("book", "--at", "500", "--json"),
    ):
        name, *rest = words
        before = said(capsysbinary, name, "--data-dir", str(made / "whole"), *rest)
        after = said(capsysbinary, name, "--data-dir", str(made / "data"), *shipped, *rest)
        assert after == before and before, words
    verified = said(capsysbinary, "verify", "--data-dir", str(made / "data"), *shipped, "--json")
    assert '"first_command":0' in verified.replace(" ", "")
    pruned = said(capsysbinary, "verify", "--data-dir", str(made / "data"), "--json")
    assert '"first_command":0' not in pruned.replace(" ", ""), "without them it begins later"
    assert sorted(path for path in made.rglob("*")) == files, "nothing has changed"


def test_a_temporary_directory_goes(made: Path) -> None:
    with with_shipped(made / "data", made / "shipped") as whole:
        segments = list_segments(whole / "journal", ".wal")
        assert segments[0][0] == 0
        assert [path.name for _, path in segments] == [
            path.name for _, path in list_segments(made / "whole" / "journal", ".wal")
        ]
        assert (whole / "engine.json").read_bytes() == (made / "data" / "engine.json").read_bytes()
    assert not whole.exists()


def test_other_files_are_passed_over_and_damage_is_told(made: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(DataDirectoryUnavailable, match="no shipped segments"),
        with_shipped(made / "data", tmp_path),
    ):
        pass
    copies = tmp_path / "copies"
    shutil.copytree(made / "shipped", copies)
    (copies / "journal" / "notes.zst").write_bytes(b"")
    found = shipped_segments(copies / "journal", ".wal")
    assert found == shipped_segments(copies / "journal", ".wal") and len(found) >= 2
    found[0].write_bytes(b"damaged")
    with (
        pytest.raises(ArchiveCorrupt, match="damaged"),
        with_shipped(made / "data", copies),
    ):
        pass
