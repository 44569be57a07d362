"""What may go, in examples; tests/property/test_retention_rules.py tries every situation."""

from __future__ import annotations

from exchange.retention.rules import (
    Holdings,
    Leaving,
    Limit,
    Rules,
    Segment,
    SnapshotPlace,
    leaving,
)

OLD = Limit(age_ns=100)
FOUR = [Segment(first, first + 10, first, 5) for first in (0, 10, 20, 30)]


def decide(
    *,
    command: int = 1_000,
    event: int = 1_000,
    journal: Limit = OLD,
    archive: Limit | None = OLD,
    readers: dict[str, int] | None = None,
    covered: int | None = None,
    now_ns: int = 10_000,
) -> Leaving:
    snapshots = [SnapshotPlace(command, event), SnapshotPlace(command + 1, event + 1)]
    have = Holdings(FOUR, FOUR, snapshots, readers or {}, covered, now_ns)
    return leaving(have, Rules(journal, archive))


def test_the_newest_segment_always_stays() -> None:
    found = decide()
    assert (found.journal, found.archive, found.snapshots) == (3, 3, 0)
    assert found.kept["journal"] == "the newest segment"


def test_what_the_older_snapshot_does_not_hold_stays() -> None:
    assert decide(command=19).journal == 1
    found = decide(command=20)
    assert found.journal == 2 and found.kept["journal"] == "command 20 is needed (the snapshot)"


def test_the_event_before_a_snapshot_stays() -> None:
    assert decide(event=20).archive == 1, "recovery asks whether the archive has event 19"
    assert decide(event=21).archive == 2


def test_readers_and_postgres_keep_the_archive_and_not_the_journal() -> None:
    found = decide(readers={"the current day": 25, "read model api": 12})
    assert (found.journal, found.archive) == (3, 1)
    assert found.kept["archive"] == "event 12 is needed (read model api)"
    found = decide(covered=9)
    assert found.archive == 0 and "Postgres" in found.kept["archive"]
    assert decide(archive=None).archive == 0


def test_young_segments_stay_unless_there_are_too_many() -> None:
    young = decide(now_ns=110)
    assert young.journal == 1 and young.kept["journal"] == "not old enough"
    assert decide(now_ns=110, journal=Limit(100, 15)).journal == 1
    assert decide(now_ns=110, journal=Limit(100, 14)).journal == 2
    assert decide(now_ns=110, journal=Limit(100, 1)).journal == 3


def test_two_snapshots_are_needed() -> None:
    one = Holdings(FOUR, FOUR, [SnapshotPlace(1_000, 1_000)], {}, None, 10_000)
    found = leaving(one, Rules(OLD, OLD))
    assert found[:3] == (0, 0, 0) and "1 verified snapshots" in found.kept["journal"]
