"""What cannot be a segment, snapshot or checkpoint is passed over with a warning.

Fault 16: ``lost+found`` (a disk of its own for ``journal/`` or ``archive/``) ended every start with
status 75. A segment that somebody has renamed is still refused: without it the history has a hole.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from exchange.engine.state.snapshot import list_snapshots
from exchange.read_model.checkpoint import list_checkpoints
from exchange.settings import ROOT
from journal.errors import Finding, JournalCorrupt
from journal.layout import ARCHIVE_SUFFIX, JOURNAL_SUFFIX
from journal.segment import list_segments
from tests.harness import sample_journal
from tests.harness.exchange_process import PASSWORD, RunningExchange
from tests.harness.patient_client import PatientClient
from tests.harness.small_archive import filled
from tests.harness.small_journal import open_writer, slots_of, write_all

FOLDERS = ("journal", "archive", "snapshots", "read_model/api")


def lost_and_found(directory: Path) -> None:
    (directory / "lost+found").mkdir(mode=0o700)


def notes(directory: Path) -> None:
    (directory / "notes.txt").write_text("mine\n")


def empty(directory: Path) -> None:
    (directory / f"{0:020d}.bak").write_bytes(b"")


def unreadable(directory: Path) -> None:
    path = directory / ".nfs000000000001"
    path.write_bytes(b"?")
    path.chmod(0)


def broken_link(directory: Path) -> None:
    (directory / "link").symlink_to(directory / "nowhere")


def pipe(directory: Path) -> None:
    os.mkfifo(directory / "pipe")


def compressed(directory: Path) -> None:
    (directory / f"{0:020d}.wal.gz").write_bytes(b"\x1f\x8b" + bytes(100))


FOREIGN = (lost_and_found, notes, empty, unreadable, broken_link, pipe, compressed)


@pytest.mark.parametrize("put", FOREIGN)
@pytest.mark.parametrize("suffix", [JOURNAL_SUFFIX, ARCHIVE_SUFFIX])
def test_what_is_no_segment_is_passed_over_with_one_warning(
    tmp_path: Path,
    suffix: str,
    put: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    if suffix == ARCHIVE_SUFFIX:
        filled(tmp_path, 150)
    else:
        generator = np.random.default_rng(1)
        writer = open_writer(tmp_path)
        write_all(writer, slots_of(300, generator), generator)
        writer.close()
    before = list_segments(tmp_path, suffix)
    assert before
    put(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert list_segments(tmp_path, suffix) == before
        assert list_segments(tmp_path, suffix) == before
    assert [record.getMessage().endswith("passed over") for record in caplog.records] == [True]


@pytest.mark.parametrize("put", FOREIGN)
@pytest.mark.parametrize("list_files", [list_snapshots, list_checkpoints])
def test_what_is_no_snapshot_or_checkpoint_is_passed_over(
    tmp_path: Path,
    put: Callable[[Path], None],
    list_files: Callable[[Path], list[tuple[int, Path]]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    put(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert list_files(tmp_path) == []
    assert [record.getMessage().endswith("passed over") for record in caplog.records] == [True]


@pytest.mark.parametrize("name", [f"{0:020d}.wal.bak", "old.wal", "x"])
def test_a_segment_under_another_name_is_still_refused(tmp_path: Path, name: str) -> None:
    filled(tmp_path, 150)
    (_, first), *_ = list_segments(tmp_path, ARCHIVE_SUFFIX)
    first.rename(tmp_path / name)
    with pytest.raises(JournalCorrupt) as caught:
        list_segments(tmp_path, ARCHIVE_SUFFIX)
    assert caught.value.finding == Finding.FOREIGN_FILE


def test_replay_passes_over_them_too(tmp_path: Path) -> None:
    sample_journal.make(tmp_path, count=200)
    for folder in FOLDERS:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for put in FOREIGN:
            put(tmp_path / folder)
    done = subprocess.run(
        [sys.executable, "-m", "replay.cli", "verify", "--data-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"NUMBA_DISABLE_JIT": os.environ.get("NUMBA_DISABLE_JIT", "0")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lost+found" in done.stderr


@pytest.mark.needs_jit
def test_an_exchange_starts_beside_them(make_exchange: Callable[..., RunningExchange]) -> None:
    exchange = make_exchange(web=True, settings={"log": {"file": "exchange.log"}})
    for folder in FOLDERS:
        (exchange.data_directory / folder).mkdir(parents=True)
        for put in FOREIGN:
            put(exchange.data_directory / folder)
    for _ in range(2):
        exchange.start()
        with PatientClient("127.0.0.1", exchange.port) as client:
            client.login("S1", PASSWORD)
        assert exchange.stop() == 0
    assert "lost+found is no segment" in (exchange.data_directory / "exchange.log").read_text()
