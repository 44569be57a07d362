"""A copy of a data directory that is made while the exchange runs starts, and replays exactly.

Fault 20: copying journal/ before archive/ under load gave a copy that did not start (75,
"acknowledged lost") and no word about how to go on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from exchange.backup import manifest
from exchange.backup.backup import make_backup
from exchange.backup.restore import restore
from exchange.engine.state.chain_hash import chain_digest
from exchange.errors import AlreadyRunning, DataDirectoryUnavailable, ExitStatus
from exchange.recovery.rebuild import rebuild
from exchange.runtime.process import DataDirectoryLock
from exchange.settings import ROOT
from journal.errors import JournalCorrupt
from tests.harness import sample_journal
from tests.harness.exchange_process import RunningExchange
from tests.harness.trading_load import Trader

PATIENCE_S = 600.0
COMMANDS = 600


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "exchange.cli", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory whose exchange does not run; tests change copies of it only."""
    data = tmp_path_factory.mktemp("stopped") / "data"
    sample_journal.make(data, count=COMMANDS)
    return data


@pytest.fixture(autouse=True)
def as_nice_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own process does not get nicer with each backup."""
    monkeypatch.setattr(os, "nice", lambda increment: 0)


def test_a_backup_is_restored_to_the_same_state(stopped: Path, tmp_path: Path) -> None:
    made = make_backup(stopped, tmp_path / "backup")
    assert manifest.read(tmp_path / "backup") == made
    assert restore(tmp_path / "backup", tmp_path / "new" / "data") == made
    before = rebuild(stopped, from_snapshot=False)
    after = rebuild(tmp_path / "new" / "data", from_snapshot=False, write_archive=True)
    assert (after.next_command, after.next_event) == (before.next_command, before.next_event)
    assert (made.next_command, made.next_event) == (before.next_command, before.next_event)
    assert chain_digest(after.state) == chain_digest(before.state)
    assert after.archive_appended == 0


def test_what_the_archive_lacks_is_made_again_in_the_copy(stopped: Path, tmp_path: Path) -> None:
    shutil.copytree(stopped, tmp_path / "data")
    newest = max((tmp_path / "data" / "archive").glob("*.evt"))
    newest.unlink()
    made = make_backup(tmp_path / "data", tmp_path / "backup")
    names = {file.path for file in made.files}
    assert f"archive/{newest.name}" in names
    assert (tmp_path / "backup" / "archive" / newest.name).exists()
    assert not newest.exists(), "the source is left as it is"


@pytest.mark.parametrize("folder", ["journal", "archive", "."])
def test_a_backup_that_was_changed_is_refused(stopped: Path, tmp_path: Path, folder: str) -> None:
    backup = tmp_path / "backup"
    make_backup(stopped, backup)
    path = min(path for path in (backup / folder).iterdir() if path.is_file())
    if path.name == manifest.FILE:
        path = backup / "engine.json"
    with path.open("r+b") as file:
        file.seek(10)
        file.write(b"\xff")
    with pytest.raises(DataDirectoryUnavailable, match="is not the file that was backed up"):
        restore(backup, tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_backup_that_was_not_finished_is_refused(stopped: Path, tmp_path: Path) -> None:
    make_backup(stopped, tmp_path / "backup")
    (tmp_path / "backup" / manifest.FILE).unlink()
    with pytest.raises(DataDirectoryUnavailable, match="not finished"):
        restore(tmp_path / "backup", tmp_path / "data")


@pytest.mark.parametrize("path", ["../keys.json", "/etc/passwd", "a/b/c", "read_model/a/b/c"])
def test_a_manifest_names_nothing_outside(stopped: Path, tmp_path: Path, path: str) -> None:
    backup = tmp_path / "backup"
    make_backup(stopped, backup)
    text = (backup / manifest.FILE).read_text()
    (backup / manifest.FILE).write_text(text.replace('"engine.json"', f'"{path}"'))
    with pytest.raises(DataDirectoryUnavailable, match="is not a path in a backup"):
        restore(backup, tmp_path / "data")


def test_nothing_is_overwritten(stopped: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    make_backup(stopped, backup)
    with pytest.raises(DataDirectoryUnavailable, match="is there already"):
        make_backup(stopped, backup)
    with pytest.raises(DataDirectoryUnavailable, match="is not empty"):
        restore(backup, stopped)
    with pytest.raises(DataDirectoryUnavailable, match="no data directory"):
        make_backup(tmp_path, tmp_path / "other")
    data = tmp_path / "data"
    data.mkdir()
    (data / "lost+found").mkdir()  # a disk of its own is empty too
    lock = DataDirectoryLock(data)
    with pytest.raises(AlreadyRunning):
        restore(backup, data)
    lock.release()
    restore(backup, data)


def test_an_interrupted_restore_does_not_start(stopped: Path, tmp_path: Path) -> None:
    make_backup(stopped, tmp_path / "backup")
    (tmp_path / "backup" / "keys.json").write_text("")
    restore(tmp_path / "backup", tmp_path / "data")
    (tmp_path / "data" / "engine.json").unlink()  # it comes last
    done = run("backup", str(tmp_path / "again"), "--data-dir", str(tmp_path / "data"))
    assert done.returncode == ExitStatus.DATA_DIRECTORY_UNAVAILABLE


def test_copies_that_do_not_fit_say_which_is_older_and_what_to_do(
    stopped: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    older = tmp_path / "older"
    sample_journal.make(older, count=COMMANDS // 2)
    shutil.copytree(stopped, data)
    shutil.rmtree(data / "journal")
    shutil.copytree(older / "journal", data / "journal")
    # the same history, cut: the archive has what the journal has not
    shutil.rmtree(data / "archive")
    sample_journal.write_archive(data)
    longer = rebuild(data, from_snapshot=False).next_command
    with pytest.raises(JournalCorrupt) as caught:
        cut_journal(data, longer)
        rebuild(data, repair=True, write_archive=True)
    said = str(caught.value)
    assert "acknowledged lost" in said
    assert "journal/ was copied before archive/ and is older" in said
    assert "exchange backup" in said
    command = [sys.executable, "-m", "replay.cli", "verify", "--data-dir", str(data)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == ExitStatus.DIFFERENT
    assert "journal/ is an older copy than archive/" in done.stdout


def cut_journal(data: Path, next_command: int) -> None:
    """Take the last frames away, as a copy that was made a little earlier."""
    segments = sorted((data / "journal").glob("*.wal"))
    newest = segments[-1]
    content = bytearray(newest.read_bytes())
    used = len(content.rstrip(b"\0"))
    content[4096 + (used - 4096) // 2 :] = bytes(len(content) - 4096 - (used - 4096) // 2)
    newest.write_bytes(content)
    assert next_command > 0


@pytest.mark.needs_jit
def test_copies_under_load_start_and_replay_exactly(
    make_exchange: Callable[..., RunningExchange], tmp_path: Path
) -> None:
    # small segments: some are sealed, and begun, while they are copied
    exchange = make_exchange(
        settings={"journal": {"segment_bytes": 262_144, "archive_segment_events": 4_096}}
    ).start()
    traders = [Trader(exchange, number, seed=20) for number in (1, 2, 3)]
    for trader in traders:
        trader.start()
    try:
        backups = [tmp_path / f"backup-{number}" for number in range(3)]
        for backup in backups:
            done = run("backup", str(backup), "--data-dir", str(exchange.data_directory))
            assert done.returncode == 0, done.stderr
            assert "verified" in done.stdout
        assert manifest.read(backups[0]).configuration == str(exchange.config_file)
    finally:
        for trader in traders:
            trader.finish()
            trader.join(PATIENCE_S)
    assert [trader.error for trader in traders] == [None] * 3
    assert exchange.stop() == 0
    sizes = [manifest.read(backup).next_command for backup in backups]
    assert sizes == sorted(set(sizes)), "the exchange went on between them"
    for backup, size in zip(backups, sizes, strict=True):
        data = tmp_path / f"restored-{size}"
        restore(backup, data)
        restored = rebuild(data, from_snapshot=False, write_archive=True, repair=True)
        original = rebuild(exchange.data_directory, from_snapshot=False, upto_sequence=size)
        assert restored.next_command == original.next_command == size
        assert chain_digest(restored.state) == chain_digest(original.state)
    # the last one starts
    shutil.rmtree(exchange.data_directory)
    assert (
        run("restore", str(backups[-1]), "--data-dir", str(exchange.data_directory)).returncode == 0
    )
    exchange.start()
    assert exchange.stop() == 0
