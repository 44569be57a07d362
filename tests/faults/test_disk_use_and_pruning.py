"""What takes the disk is shown, with what keeps it; what is old and not needed can be removed.

Fault 21: journal, archive, snapshots, read models and Postgres grew for ever; nothing was removed,
and nothing said what could be.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from exchange.engine.state.chain_hash import chain_digest
from exchange.engine.state.snapshot import list_snapshots
from exchange.errors import ExitStatus
from exchange.read_model.checkpoint import checkpoint_path
from exchange.recovery.rebuild import rebuild
from exchange.recovery.snapshot_maker import make_snapshot
from exchange.retention.pruning import by_age, prunable
from exchange.runtime.disk_use import disk_use
from exchange.settings import ROOT
from journal.layout import ARCHIVE_SUFFIX, JOURNAL_SUFFIX
from journal.segment import list_segments
from tests.harness import sample_journal

FOREVER_NS = 1 << 62


def prune(data: Path, *options: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "exchange.cli", "prune", "--data-dir", str(data), *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if "--json" in options else done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Several segments of journal and archive, and three snapshots."""
    data = tmp_path_factory.mktemp("made") / "data"
    commands = sample_journal.random_commands(7, 3_000)
    sample_journal.write_journal(data, commands, segment_bytes=65_536)
    sample_journal.write_archive(data)
    segments = [first for first, _ in list_segments(data / "journal", JOURNAL_SUFFIX)]
    assert len(segments) >= 3
    make_snapshot(data)
    make_snapshot(data, now=True)
    assert len(list_snapshots(data / "snapshots")) == 2
    return data


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "data")
    return tmp_path / "data"


def names(data: Path, folder: str, suffix: str) -> list[str]:
    return [path.name for _, path in list_segments(data / folder, suffix)]


def test_nothing_goes_unless_it_is_asked_for(data: Path) -> None:
    before = sorted(path for path in data.rglob("*"))
    said = prune(data, "--keep-days", "0")
    assert "may go" in said and "`--yes` removes it" in said
    assert sorted(path for path in data.rglob("*")) == before


def test_what_is_young_stays(data: Path) -> None:
    found = prunable(data, by_age(FOREVER_NS))
    assert found.paths == []
    assert "not old enough" in found.kept["journal"]


def test_what_two_snapshots_cover_goes_and_the_exchange_starts_as_before(data: Path) -> None:
    before = rebuild(data)
    journal = names(data, "journal", JOURNAL_SUFFIX)
    archive = names(data, "archive", ARCHIVE_SUFFIX)
    answer = prune(data, "--keep-days", "0", "--yes", "--json")
    assert len(answer["removed"]) >= 1 and all(size > 0 for size in answer["removed"].values())
    kept = names(data, "journal", JOURNAL_SUFFIX)
    assert kept == journal[len(journal) - len(kept) :], "no hole"
    assert kept != journal
    assert names(data, "archive", ARCHIVE_SUFFIX) == archive, "only where it is asked for"
    # also with the older of the two snapshots alone
    list_snapshots(data / "snapshots")[-1][1].unlink()
    after = rebuild(data, repair=True, write_archive=True)
    assert after.next_command == before.next_command
    assert chain_digest(after.state) == chain_digest(before.state)


@pytest.mark.parametrize("snapshots", [0, 1])
def test_without_two_good_snapshots_nothing_goes_and_it_says_what_to_do(
    data: Path, snapshots: int
) -> None:
    for _, path in list_snapshots(data / "snapshots")[snapshots:]:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    found = prunable(data, by_age(0, archive=True))
    assert found.paths == []
    assert f"{snapshots} verified snapshots" in found.kept["journal"]
    assert "exchange-replay snapshot --now" in prune(data, "--keep-days", "0")


def test_the_archive_keeps_what_a_read_model_would_have_to_read(data: Path) -> None:
    folder = data / "read_model" / "api"
    folder.mkdir(parents=True)
    first = [first for first, _ in list_segments(data / "archive", ARCHIVE_SUFFIX)]
    checkpoint_path(folder, first[-1]).write_bytes(b"")
    # one checkpoint: if it could not be used, everything would have to be read
    one = prunable(data, by_age(0, archive=True))
    assert one.archive == [] and "read model api" in one.kept["archive"]
    checkpoint_path(folder, first[1]).write_bytes(b"")
    two = prunable(data, by_age(0, archive=True))
    assert len(two.archive) <= 1


def test_the_disk_is_shown_by_folder(data: Path) -> None:
    (data / "run.json").write_bytes(b"x" * 5_000)
    used = disk_use(data)
    assert set(used) == {"archive", "journal", "snapshots", "other", "free"}
    assert all(size > 0 for size in used.values())
    assert prune(data, "--json")["disk"].keys() == used.keys()


def test_what_is_no_data_directory_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "exchange.cli", "prune", "--data-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == ExitStatus.DATA_DIRECTORY_UNAVAILABLE
    assert done.stderr.count("\n") == 1
