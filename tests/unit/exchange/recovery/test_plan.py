"""``exchange recovery-plan`` says what a start then does, and touches nothing."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from exchange.cli import main
from exchange.engine.state.snapshot import write_snapshot
from exchange.errors import DataDirectoryUnavailable, ExitStatus
from exchange.recovery.plan import RecoveryPlan, plan_lines, recovery_plan
from exchange.recovery.rebuild import RebuildResult, rebuild
from exchange.runtime.data_directory import load_capacity
from exchange.runtime.process import DataDirectoryLock
from exchange.settings import Settings, load_settings
from exchange.settings.capacities import CAPACITY_KEYS
from journal.layout import HEADER_BYTES
from tests.harness.sample_journal import make

pytestmark = pytest.mark.needs_jit

FRAME_BYTES = 64
TORN = b"\x5a" * 200


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_dir = tmp_path_factory.mktemp("original") / "data"
    make(data_dir, seed=12, count=2000)
    return data_dir


@pytest.fixture
def data_dir(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "data"))


def contents(data_dir: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(data_dir)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in data_dir.rglob("*")
        if path.is_file()
    }


def plan_and_start(data_dir: Path) -> tuple[RecoveryPlan, RebuildResult]:
    """The plan, which changes nothing, and then what a start does."""
    before = contents(data_dir)
    plan = recovery_plan(data_dir)
    assert contents(data_dir) == before
    assert (plan.status, plan.problem) == (0, "")
    return plan, rebuild(data_dir, repair=True, write_archive=True)


def tear(data_dir: Path) -> Path:
    """Garbage behind the last frame: a write that a crash has cut."""
    newest = max((data_dir / "journal").glob("*.wal"))
    content = bytearray(newest.read_bytes())
    end = -(-len(content.rstrip(b"\0")) // FRAME_BYTES) * FRAME_BYTES
    content[end : end + len(TORN)] = TORN
    newest.write_bytes(content)
    return newest


def test_a_clean_end(data_dir: Path) -> None:
    plan, result = plan_and_start(data_dir)
    assert (plan.next_command, plan.replay_from) == (result.next_command, 0)
    assert plan.next_command == result.commands_replayed
    assert plan.archived_event == result.next_event - 1
    assert (plan.snapshot, plan.torn_bytes, result.torn_records) == ("", 0, 0)
    assert "would begin without a snapshot" in "\n".join(plan_lines(plan))
    assert "would find the archive complete" in "\n".join(plan_lines(plan))


def test_a_snapshot_and_one_that_is_damaged(data_dir: Path) -> None:
    (data_dir / "snapshots").mkdir(exist_ok=True)
    paths = [
        write_snapshot(data_dir / "snapshots", rebuild(data_dir, upto_sequence=upto).state)
        for upto in (500, 1500)
    ]
    plan, result = plan_and_start(data_dir)
    assert result.snapshot_used == paths[1]
    assert plan.snapshot == paths[1].name and plan.snapshots_refused == []
    assert plan.next_command - plan.replay_from == result.commands_replayed
    with paths[1].open("r+b") as file:
        file.seek(HEADER_BYTES)
        file.write(b"\xff" * 8)
    plan, result = plan_and_start(data_dir)
    assert result.snapshot_used == paths[0] and plan.snapshot == paths[0].name
    assert plan.snapshots_refused == result.snapshots_refused
    shown = "\n".join(plan_lines(plan))
    assert f"would not use a snapshot: {paths[1].name}: payload checksum is wrong" in shown
    assert f"would begin with snapshot {paths[0].name}, day 20260101" in shown


def test_a_torn_tail(data_dir: Path) -> None:
    newest = tear(data_dir)
    plan, result = plan_and_start(data_dir)
    assert result.recovery is not None and result.recovery.repaired
    assert plan.torn_bytes == result.recovery.torn_bytes == len(TORN)
    assert plan.torn_records == result.torn_records
    assert (plan.segment, plan.append_offset) == (newest.name, result.recovery.append_offset)
    assert f"would cut {len(TORN)} bytes in {newest.name}" in "\n".join(plan_lines(plan))


def test_an_archive_to_complete(data_dir: Path) -> None:
    max((data_dir / "archive").glob("*.evt")).unlink()
    plan, result = plan_and_start(data_dir)
    assert result.archive_appended == result.next_event - 1 - plan.archived_event > 0
    behind = plan.next_command - 1 - plan.archived_command
    assert f"what {behind:,} slots caused" in "\n".join(plan_lines(plan))


def test_damage_ends_with_the_status_of_the_start(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    oldest = min((data_dir / "journal").glob("*.wal"))
    with oldest.open("r+b") as file:
        file.seek(HEADER_BYTES + 100)
        file.write(b"\xff\xff")
    plan = recovery_plan(data_dir)
    assert plan.status == ExitStatus.JOURNAL_CORRUPT
    assert oldest.name in plan.problem and "at byte 4096" in plan.problem
    status = main(["recovery-plan", "--data-dir", str(data_dir)])
    assert status == ExitStatus.JOURNAL_CORRUPT
    assert "would end with status 75 (JOURNAL_CORRUPT): bad frame" in capsys.readouterr().out


def test_lost_capacities(data_dir: Path) -> None:
    (data_dir / "engine.json").unlink()
    assert recovery_plan(data_dir).status == ExitStatus.DATA_DIRECTORY_UNAVAILABLE


def test_an_exchange_that_runs(data_dir: Path) -> None:
    lock = DataDirectoryLock(data_dir)
    tear(data_dir)  # as a look between the header and the rest of a frame finds it
    plan = recovery_plan(data_dir)
    lock.release()
    shown = "\n".join(plan_lines(plan))
    assert f"process {plan.running} runs it; if that ended now" in shown
    assert "slots that is being written now" in shown


def test_before_the_first_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataDirectoryUnavailable, match="is no directory"):
        recovery_plan(tmp_path / "nothing")
    assert main(["recovery-plan", "--json", "--data-dir", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["first_start"] is True
    assert "would be its first" in "\n".join(plan_lines(recovery_plan(tmp_path)))


def own_settings(data_dir: Path, **changes: int) -> Settings:
    """Settings with the capacities of ``data_dir``, but for ``changes``."""
    held = load_capacity(data_dir)
    assert held is not None
    settings = load_settings(None)
    capacity = dict(zip(CAPACITY_KEYS, held, strict=True)) | changes
    section = msgspec.structs.replace(settings.capacity, **capacity)
    return msgspec.structs.replace(settings, capacity=section)


def test_capacities_that_the_start_enlarges_or_refuses(data_dir: Path) -> None:
    held = load_capacity(data_dir)
    assert held is not None
    assert recovery_plan(data_dir, own_settings(data_dir)).enlarged == {}
    larger = recovery_plan(data_dir, own_settings(data_dir, accounts=held.accounts + 1))
    assert larger.enlarged == {"accounts": (held.accounts, held.accounts + 1)}
    said = f"would enlarge accounts from {held.accounts:,} to {held.accounts + 1:,}"
    assert said in "\n".join(plan_lines(larger))
    smaller = recovery_plan(data_dir, own_settings(data_dir, accounts=held.accounts - 1))
    assert smaller.status == ExitStatus.CONFIGURATION
    assert smaller.problem.startswith(f"[capacity]: accounts: {held.accounts - 1} is less than")


@pytest.mark.parametrize(
    ("free", "said"),
    [
        (1 << 40, None),
        (300 << 20, "no new orders would be taken"),
        (100 << 20, "the journal cannot begin another segment of 268,435,456"),
    ],
)
def test_a_disk_that_is_nearly_full_is_told(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, free: int, said: str | None
) -> None:
    disk = SimpleNamespace(f_bavail=free, f_blocks=1 << 42, f_frsize=1)
    monkeypatch.setattr(os, "statvfs", lambda path: disk)
    plan = recovery_plan(data_dir, own_settings(data_dir))
    assert plan.status == 0
    if said is None:
        assert plan.warnings == []
    else:
        assert f"warning: {free:,} bytes" in "\n".join(plan_lines(plan))
        assert said in plan.warnings[0]
