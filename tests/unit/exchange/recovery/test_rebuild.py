"""``recovery.rebuild``: journal and snapshots back to a state, and what the archive lacks."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from exchange.codes import CommandKind, EventKind, Reject
from exchange.core.capacity import CapacityHistory, CapacityPeriod
from exchange.engine.state.chain_hash import chain_digest
from exchange.engine.state.create import capacity_of
from exchange.engine.state.enlarge import enlarged
from exchange.engine.state.snapshot import write_snapshot
from exchange.errors import DataDirectoryUnavailable
from exchange.records import EVENT
from exchange.recovery import rebuild as rebuild_module
from exchange.recovery.archive_check import ArchiveDiffers, open_archive
from exchange.recovery.rebuild import rebuild
from exchange.runtime.data_directory import load_capacity, save_capacities, save_capacity
from journal.errors import JournalCorrupt
from tests.harness.sample_journal import (
    CAPACITY,
    DAY_NUMBER,
    MIDNIGHT_NS,
    OPEN_NS,
    make,
    random_commands,
    slot,
    write_archive,
    write_journal,
)

pytestmark = pytest.mark.needs_jit

EVENT_SIZE = EVENT.itemsize


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_dir = tmp_path_factory.mktemp("original") / "data"
    make(data_dir, seed=11, count=3000)
    return data_dir


@pytest.fixture
def data_dir(original: Path, tmp_path: Path) -> Path:
    """A copy of the sample that a test may damage."""
    return Path(shutil.copytree(original, tmp_path / "data"))


def archive_bytes(data_dir: Path) -> bytes:
    return open_archive(data_dir / "archive").read(0, 1 << 40).tobytes()


def patch_event(data_dir: Path, sequence: int, offset: int, value: bytes) -> None:
    for path in sorted((data_dir / "archive").glob("*.evt"), reverse=True):
        first = int(path.stem)
        if first <= sequence:
            with open(path, "r+b") as file:
                file.seek(4096 + (sequence - first) * EVENT_SIZE + offset)
                file.write(value)
            return


def test_capacity_round_trip(tmp_path: Path) -> None:
    assert load_capacity(tmp_path) is None
    save_capacity(tmp_path, CAPACITY)
    assert load_capacity(tmp_path) == CAPACITY
    assert [path.name for path in tmp_path.iterdir()] == ["engine.json"]


@pytest.mark.parametrize(
    "text", ["", "[]", '{"orders": 1}', '{"instruments": 8, "sessions": 8, "orders": true}']
)
def test_bad_capacity_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "engine.json").write_text(text)
    with pytest.raises(DataDirectoryUnavailable, match=r"engine\.json"):
        load_capacity(tmp_path)


def test_rebuild_twice_gives_the_same(data_dir: Path) -> None:
    first, second = rebuild(data_dir), rebuild(data_dir)
    assert chain_digest(first.state) == chain_digest(second.state)
    assert first.next_event == open_archive(data_dir / "archive").end()
    assert first.commands_replayed == first.next_command > 3000
    assert first.recovery is None


def test_events_are_handed_out_in_order(data_dir: Path) -> None:
    seen: list[tuple[int, bytes]] = []
    rebuild(data_dir, on_events=lambda base, events: seen.append((base, events.tobytes())))
    position = 0
    for base, octets in seen:
        assert base == position
        position += len(octets) // EVENT_SIZE
    assert b"".join(octets for _, octets in seen) == archive_bytes(data_dir)


@pytest.mark.parametrize("step, ring", [(1, 256), (7, 256), (64, 64), (8192, 65536)])
def test_chunk_sizes_change_nothing(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, step: int, ring: int
) -> None:
    """A ring smaller than a frame grows; a step may cut a long command."""
    whole = rebuild(data_dir)
    monkeypatch.setattr(rebuild_module, "STEP_SLOTS", step)
    monkeypatch.setattr(rebuild_module.Replayer.__init__, "__defaults__", (ring, None))
    parts = rebuild(data_dir)
    assert parts.next_command == whole.next_command
    assert chain_digest(parts.state) == chain_digest(whole.state)


def test_upto_sequence(data_dir: Path) -> None:
    whole = archive_bytes(data_dir)
    events = np.frombuffer(whole, EVENT)
    for upto in (0, 2, 4, 8, 1000, 1001, 1002, 1003):
        result = rebuild(data_dir, upto_sequence=upto)
        # a long command that begins below it is applied whole
        assert result.next_command in (upto, upto + 1)
        below = int(np.searchsorted(events["command_sequence"], result.next_command))
        assert result.next_event == below
    with pytest.raises(JournalCorrupt, match="the journal ends"):
        rebuild(data_dir, upto_sequence=1 << 40)


def test_snapshot_in_the_middle_changes_nothing(data_dir: Path) -> None:
    whole = rebuild(data_dir)
    (data_dir / "snapshots").mkdir()
    middle = rebuild(data_dir, upto_sequence=1500)
    write_snapshot(data_dir / "snapshots", middle.state)
    again = rebuild(data_dir)
    assert again.snapshot_used is not None
    assert again.commands_replayed == whole.next_command - middle.next_command
    assert chain_digest(again.state) == chain_digest(whole.state)
    assert again.next_event == whole.next_event
    earlier = rebuild(data_dir, upto_sequence=1000)
    assert earlier.snapshot_used is None


def test_damaged_snapshot_falls_back(data_dir: Path) -> None:
    whole = rebuild(data_dir)
    directory = data_dir / "snapshots"
    directory.mkdir()
    older = write_snapshot(directory, rebuild(data_dir, upto_sequence=1000).state)
    newer = write_snapshot(directory, rebuild(data_dir, upto_sequence=2000).state)
    octets = bytearray(newer.read_bytes())
    octets[9000] ^= 1  # in the stored orders; padding between arrays means nothing
    newer.write_bytes(octets)
    result = rebuild(data_dir)
    assert result.snapshot_used == older
    assert len(result.snapshots_refused) == 1 and newer.name in result.snapshots_refused[0]
    assert chain_digest(result.state) == chain_digest(whole.state)
    older.write_bytes(older.read_bytes()[:-1])
    result = rebuild(data_dir)
    assert result.snapshot_used is None
    assert len(result.snapshots_refused) == 2
    assert chain_digest(result.state) == chain_digest(whole.state)


def test_renamed_snapshot_is_not_used(data_dir: Path) -> None:
    directory = data_dir / "snapshots"
    directory.mkdir()
    path = write_snapshot(directory, rebuild(data_dir, upto_sequence=1000).state)
    path.rename(directory / f"{2000:020d}.snap")
    result = rebuild(data_dir)
    assert result.snapshot_used is None and len(result.snapshots_refused) == 1


def test_snapshot_of_other_capacities_is_an_error(data_dir: Path) -> None:
    directory = data_dir / "snapshots"
    directory.mkdir()
    write_snapshot(directory, rebuild(data_dir, upto_sequence=1000).state)
    save_capacity(data_dir, CAPACITY._replace(orders=CAPACITY.orders * 2))
    with pytest.raises(DataDirectoryUnavailable, match="orders"):
        rebuild(data_dir)


def test_missing_capacity_is_an_error(data_dir: Path) -> None:
    (data_dir / "engine.json").unlink()
    with pytest.raises(DataDirectoryUnavailable, match=r"engine\.json"):
        rebuild(data_dir)


@pytest.mark.parametrize("missing", ["tail", "hole", "all", "record"])
def test_missing_archive_records_are_written_again(data_dir: Path, missing: str) -> None:
    before = archive_bytes(data_dir)
    segments = sorted((data_dir / "archive").glob("*.evt"))
    assert len(segments) >= 3
    if missing == "tail":
        segments[-1].unlink()
    elif missing == "hole":
        with open(segments[1], "r+b") as file:
            file.seek(4096 + 4096)
            file.write(bytes(8192))
    elif missing == "all":
        shutil.rmtree(data_dir / "archive")
    else:
        patch_event(data_dir, 1500, 0, bytes(EVENT_SIZE))
    result = rebuild(data_dir, repair=True, write_archive=True, archive_segment_events=1024)
    assert result.archive_appended > 0
    assert archive_bytes(data_dir) == before
    again = rebuild(data_dir, repair=True, write_archive=True)
    assert again.archive_appended == 0


def test_torn_archive_record_is_written_again(data_dir: Path) -> None:
    before = archive_bytes(data_dir)
    last = len(before) // EVENT_SIZE - 1
    patch_event(data_dir, last, 84, bytes(EVENT_SIZE - 84))
    result = rebuild(data_dir, repair=True, write_archive=True)
    assert result.archive_appended == 1
    assert archive_bytes(data_dir) == before


def test_changed_archive_record_is_refused_then_rewritten(data_dir: Path) -> None:
    before = archive_bytes(data_dir)
    patch_event(data_dir, 1234, 40, (99_999).to_bytes(8, "little"))
    with pytest.raises(ArchiveDiffers, match=r"event 1234 differs .* quantity") as caught:
        rebuild(data_dir, repair=True, write_archive=True)
    assert caught.value.sequence == 1234
    assert caught.value.found is not None and int(caught.value.found["quantity"]) == 99_999
    result = rebuild(data_dir, repair=True, write_archive=True, rebuild_archive=True)
    assert result.archive_rewritten == 1
    assert archive_bytes(data_dir) == before


def test_archive_beyond_the_journal_is_refused(data_dir: Path) -> None:
    before = archive_bytes(data_dir)
    last = np.frombuffer(before, EVENT)[-1:].copy()
    count = len(before) // EVENT_SIZE
    last["sequence"] = count
    patch_event(data_dir, count, 0, last.tobytes())
    with pytest.raises(ArchiveDiffers, match=f"event {count} exists, but the journal"):
        rebuild(data_dir, repair=True, write_archive=True)
    rebuild(data_dir, repair=True, write_archive=True, rebuild_archive=True)
    assert archive_bytes(data_dir) == before


def test_lost_acknowledged_commands_are_refused(data_dir: Path) -> None:
    """The archive proves that a command was durable; a journal without it is not continued."""
    last = sorted((data_dir / "journal").glob("*.wal"))[-1]
    events = np.frombuffer(archive_bytes(data_dir), EVENT)
    octets = bytearray(last.read_bytes())
    used = len(bytes(octets).rstrip(b"\0"))
    octets[used - 64 * 20 : used] = bytes(64 * 20)
    last.write_bytes(octets)
    assert int(events[-1]["command_sequence"]) > 0
    with pytest.raises(JournalCorrupt, match="acknowledged lost"):
        rebuild(data_dir, repair=True, write_archive=True)


def test_torn_frame_is_cut_and_its_events_never_existed(data_dir: Path) -> None:
    """A frame that was being written when the power went: no event of it was archived."""
    whole = rebuild(data_dir)
    parts = [slot(CommandKind.TIMER, OPEN_NS + 10**15)] * 30
    write_journal(data_dir, parts, largest_frame=40)
    last = sorted((data_dir / "journal").glob("*.wal"))[-1]
    octets = bytearray(last.read_bytes())
    used = len(bytes(octets).rstrip(b"\0"))
    octets[used - 100 : used] = bytes(100)
    last.write_bytes(octets)
    result = rebuild(data_dir, repair=True, write_archive=True)
    assert result.torn_records > 0
    assert result.next_command >= whole.next_command
    assert result.recovery is not None and result.recovery.repaired


def test_archive_missing_before_the_snapshot(data_dir: Path) -> None:
    """Replay from a snapshot cannot write what lies before it, so an older start is used."""
    before = archive_bytes(data_dir)
    directory = data_dir / "snapshots"
    directory.mkdir()
    write_snapshot(directory, rebuild(data_dir, upto_sequence=2500).state)
    shutil.rmtree(data_dir / "archive")
    result = rebuild(data_dir, repair=True, write_archive=True, archive_segment_events=1024)
    assert result.snapshot_used is None
    assert "archive lacks event" in result.snapshots_refused[0]
    assert archive_bytes(data_dir) == before


def test_many_days_in_one_chunk(tmp_path: Path) -> None:
    """Each day speaks to every session, so days count towards the room for events."""
    parts = random_commands(3, 50)
    now = OPEN_NS + 10**12
    for day in range(1, 40):
        parts.append(slot(CommandKind.END_OF_DAY, now))
        parts.append(
            slot(CommandKind.START_OF_DAY, now, quantity=MIDNIGHT_NS, price=DAY_NUMBER + day)
        )
    write_journal(tmp_path / "data", parts)
    whole = write_archive(tmp_path / "data")
    assert rebuild(tmp_path / "data", repair=True, write_archive=True).archive_appended == 0
    assert whole.next_event > 39 * 8


def test_empty_data_directory(tmp_path: Path) -> None:
    history = CapacityHistory.of(CAPACITY)
    result = rebuild(tmp_path, history, repair=True, write_archive=True)
    assert (result.next_command, result.next_event) == (0, 0)
    assert not (tmp_path / "archive").exists()


def test_progress(data_dir: Path) -> None:
    seen: list[tuple[int, int]] = []
    result = rebuild(
        data_dir, upto_sequence=3000, progress=lambda done, total: seen.append((done, total))
    )
    assert seen[-1] == (result.next_command, 3000)


def test_unreadable_snapshot_directory_entries_are_ignored(data_dir: Path) -> None:
    directory = data_dir / "snapshots"
    directory.mkdir()
    (directory / "notes.txt").write_text("mine")
    (directory / f"{100:020d}.snap.99.new").write_bytes(b"half")
    result = rebuild(data_dir)
    assert result.snapshot_used is None and result.snapshots_refused == []


# --- capacities that were enlarged ----------------------------------------------------------------

FEW, MORE, MOST = (CAPACITY._replace(orders=orders) for orders in (12, 30, 4096))


@pytest.fixture(scope="module")
def enlarged_original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """FEW orders at first, MORE from the start before command 1000 on, MOST from 2000 on."""
    data_dir = tmp_path_factory.mktemp("enlarged") / "data"
    write_journal(data_dir, random_commands(11, 3000), seed=11)
    starts = [0, *(rebuild(data_dir, upto_sequence=at).next_command for at in (1000, 2000))]
    periods = map(CapacityPeriod, starts, (FEW, MORE, MOST))
    save_capacities(data_dir, CapacityHistory(tuple(periods)))
    write_archive(data_dir)
    return data_dir


@pytest.fixture
def enlarged_dir(enlarged_original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(enlarged_original, tmp_path / "data"))


def pool_rejects(data_dir: Path) -> list[int]:
    """Commands that were refused because the order pool was full."""
    events = open_archive(data_dir / "archive").read(0, 1 << 40)
    full = (events["kind"] == EventKind.REJECTED) & (events["reason"] == Reject.ORDER_POOL_FULL)
    found: list[int] = events["command_sequence"][full].tolist()
    return found


def test_what_was_refused_under_smaller_capacities_is_refused_again(enlarged_dir: Path) -> None:
    refused = np.array(pool_rejects(enlarged_dir))
    assert (refused < 1000).sum() > 20 and ((refused >= 1000) & (refused < 2000)).sum() > 20
    assert (refused >= 2002).sum() == 0
    before = archive_bytes(enlarged_dir)
    result = rebuild(enlarged_dir, repair=True, write_archive=True)
    assert result.archive_appended == 0 and archive_bytes(enlarged_dir) == before
    assert capacity_of(result.state) == MOST
    # as one state that is enlarged by hand, and not as one that had any of the sizes all the time
    for capacity in (FEW, MORE, MOST):
        with pytest.raises(ArchiveDiffers):
            rebuild(enlarged_dir, CapacityHistory.of(capacity), repair=True, write_archive=True)


@pytest.mark.parametrize("at", [500, 1000, 1500, 2000, 2500])
def test_replay_goes_on_from_a_snapshot_of_any_size(enlarged_dir: Path, at: int) -> None:
    whole = rebuild(enlarged_dir)
    directory = enlarged_dir / "snapshots"
    directory.mkdir()
    path = write_snapshot(directory, rebuild(enlarged_dir, upto_sequence=at).state)
    result = rebuild(enlarged_dir, repair=True, write_archive=True)
    assert result.snapshot_used == path and result.archive_appended == 0
    assert chain_digest(result.state) == chain_digest(whole.state)
    assert capacity_of(result.state) == MOST


def test_a_snapshot_where_a_period_begins_may_be_of_before_and_of_after(
    enlarged_dir: Path,
) -> None:
    whole = rebuild(enlarged_dir)
    directory = enlarged_dir / "snapshots"
    directory.mkdir()
    state = rebuild(enlarged_dir, upto_sequence=1000).state
    assert capacity_of(state) == FEW
    between = FEW._replace(orders=20)
    for capacity in (FEW, between, MORE):
        path = write_snapshot(directory, enlarged(state, capacity))
        result = rebuild(enlarged_dir)
        assert result.snapshot_used == path
        assert chain_digest(result.state) == chain_digest(whole.state)
    write_snapshot(directory, enlarged(state, MOST))
    with pytest.raises(DataDirectoryUnavailable, match="orders"):
        rebuild(enlarged_dir)


def test_any_command_in_between_has_the_capacities_of_its_time(enlarged_dir: Path) -> None:
    for at, capacity in ((1, FEW), (999, FEW), (1003, MORE), (1999, MORE), (2003, MOST)):
        assert capacity_of(rebuild(enlarged_dir, upto_sequence=at).state) == capacity
