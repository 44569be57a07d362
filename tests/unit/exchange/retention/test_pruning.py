"""What there is and what may go; tests/faults/test_disk_use_and_pruning.py starts it again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from exchange.codes import EventKind
from exchange.engine.state.snapshot import list_snapshots, read_places
from exchange.recovery.archive_check import open_archive
from exchange.recovery.snapshot_maker import make_snapshot
from exchange.retention import pruning
from exchange.retention.pruning import DayStart, Prunable, by_age, prunable, remove
from exchange.retention.rules import Limit, Rules
from journal.layout import ARCHIVE_SUFFIX, JOURNAL_SUFFIX
from journal.segment import list_segments
from tests.harness import sample_journal

pytestmark = pytest.mark.needs_jit  # thousands of commands


def test_a_young_exchange_has_nothing_to_remove_and_says_why(tmp_path: Path) -> None:
    sample_journal.make(tmp_path, count=100)
    before = sorted(tmp_path.rglob("*"))
    found = prunable(tmp_path, by_age(0, archive=True))
    assert found.paths == [] and "0 verified snapshots" in found.kept["archive"]
    remove(found)
    assert sorted(tmp_path.rglob("*")) == before


def test_paths_are_all_of_it() -> None:
    assert Prunable([Path("a")], [Path("b")], [Path("c")], {}).paths == [
        Path("a"),
        Path("b"),
        Path("c"),
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Several segments, and four snapshots."""
    data = tmp_path_factory.mktemp("made") / "data"
    commands = sample_journal.two_days(7, 1_500)
    sample_journal.write_journal(data, commands, segment_bytes=65_536)
    sample_journal.write_archive(data)
    make_snapshot(data)
    make_snapshot(data, now=True)
    (first, one), (last, two) = list_snapshots(data / "snapshots")
    assert first < last
    for sequence, path in ((100, one), (200, two)):  # older ones, which nobody reads
        shutil.copyfile(path, path.with_name(f"{sequence:020d}.snap"))
    return data


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "data")
    return tmp_path / "data"


def names(data: Path, folder: str, suffix: str) -> list[str]:
    return [path.name for _, path in list_segments(data / folder, suffix)]


def test_the_two_newest_that_load_stay_and_everything_older_goes(data: Path) -> None:
    snapshots = [path for _, path in list_snapshots(data / "snapshots")]
    found = prunable(data, by_age(0))
    assert found.snapshots == snapshots[:2] and found.journal
    remove(found)
    assert [path for _, path in list_snapshots(data / "snapshots")] == snapshots[2:]
    assert read_places(snapshots[-1])[0] == int(snapshots[-1].stem)


def test_what_is_damaged_inside_counts_for_nothing_once_something_is_to_go(data: Path) -> None:
    newest = list_snapshots(data / "snapshots")[-1][1]
    octets = bytearray(newest.read_bytes())
    octets[-1] ^= 1
    newest.write_bytes(octets)
    found = prunable(data, by_age(0))
    assert found.paths == [] and "1 verified snapshots" in found.kept["journal"]


def test_size_lets_young_segments_go(data: Path) -> None:
    year_ns = 365 * pruning.NANOSECONDS_A_DAY
    assert prunable(data, Rules(Limit(year_ns), None)).journal == []
    size = sum(path.stat().st_size for path in (data / "journal").iterdir())
    found = prunable(data, Rules(Limit(year_ns, size - 65_536), None))
    assert len(found.journal) == 1


def test_a_read_model_that_has_not_begun_keeps_the_archive(data: Path) -> None:
    rules = by_age(0, archive=True)
    assert prunable(data, rules).archive
    kept = prunable(data, rules, consumers=["store"])
    assert kept.archive == [] and "read model store" in kept.kept["archive"]
    kept = prunable(data, rules, covered=0)
    assert kept.archive == [] and "Postgres" in kept.kept["archive"]


def test_what_is_raised_before_a_segment_goes_keeps_it_and_the_rest(data: Path) -> None:
    before = names(data, "journal", JOURNAL_SUFFIX)
    found = prunable(data, by_age(0, archive=True))
    assert len(found.journal) >= 2

    def fail(path: Path) -> None:
        if path == found.journal[1]:
            raise OSError("no")

    with pytest.raises(OSError, match="no"):
        remove(found, fail)
    assert names(data, "journal", JOURNAL_SUFFIX) == before[1:]
    assert all(path.exists() for path in found.archive)


def test_the_day_is_found_once_and_then_only_what_is_new_is_read(data: Path) -> None:
    archive = open_archive(data / "archive")
    end = archive.end()
    events = archive.read(0, end)
    days = [int(event["sequence"]) for event in events if event["kind"] == EventKind.DAY_STARTED]
    assert days
    found = DayStart(archive)
    assert found.before(end) == days[-1]
    read: list[int] = []
    real = archive.read

    def counting(first: int, count: int) -> object:
        read.append(count)
        return real(first, count)

    archive.read = counting  # type: ignore[assignment, method-assign]
    assert found.before(end) == days[-1] and read == []
    assert found.before(days[-1]) == days[0]
    assert found.before(days[0]) == 0, "no day had begun before"
    # the oldest segment has gone, and the day's beginning with it
    (data / "archive" / names(data, "archive", ARCHIVE_SUFFIX)[0]).unlink()
    assert (
        DayStart(open_archive(data / "archive")).before(end)
        >= open_archive(data / "archive").oldest()
    )
