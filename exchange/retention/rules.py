"""The rules of retention as one pure function: what there is and who needs it -> what may go.

Who uses it: ``pruning.py``, for ``exchange prune`` and for the stage snapshotter. It opens no file,
so a property test tries every situation (tests/property/test_retention_rules.py). The rules:

    journal     goes when the older of the two newest verified snapshots holds it, and it is older
                than its age or the journal is larger than its size
    archive     goes as the journal, when besides nobody reads it any more: not recovery from either
                snapshot, not a session that asks for the current day, not a read model that begins
                with the older of its checkpoints; and when Postgres has it (``covered``)
    snapshots   all but these two

Always from the oldest on, so there is never a hole, and never the newest segment. Two snapshots, so
that one damaged file costs nothing.

Decision SUR-8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

KEPT_SNAPSHOTS = 2
NEEDS_TWO = (
    "{count} verified snapshots, and 2 are needed: the exchange makes them by itself "
    "([snapshot]), `exchange-replay snapshot --now` makes one at once"
)


class Segment(NamedTuple):
    """A file of journal or archive with the sequences ``first`` to before ``end``.

    ``ended_ns``: CLOCK_REALTIME when the one after it was begun. The newest one has no end yet: its
    ``end`` and ``ended_ns`` are not looked at.
    """

    first: int
    end: int
    ended_ns: int
    size_bytes: int


class SnapshotPlace(NamedTuple):
    """A verified snapshot: the first command and the first event that it does not hold."""

    next_command: int
    next_event: int


class Limit(NamedTuple):
    """What is younger than ``age_ns`` stays, as long as all takes at most ``size_bytes``.

    ``size_bytes``: 0: there is no limit.
    """

    age_ns: int
    size_bytes: int = 0


class Holdings(NamedTuple):
    """What a data directory has, oldest first, and who reads its archive.

    ``readers``: who, and the first event that he may still ask for. ``covered``: the first event
    that Postgres has not got, None where it need not have any.
    """

    journal: Sequence[Segment]
    archive: Sequence[Segment]
    snapshots: Sequence[SnapshotPlace]
    readers: Mapping[str, int]
    covered: int | None
    now_ns: int


class Rules(NamedTuple):
    """``archive``: None: it stays for ever."""

    journal: Limit
    archive: Limit | None


class Leaving(NamedTuple):
    """How many of the oldest of each may go. ``kept``: what keeps the rest."""

    journal: int
    archive: int
    snapshots: int
    kept: Mapping[str, str]


def leaving(holdings: Holdings, rules: Rules) -> Leaving:
    """What may go."""
    count = len(holdings.snapshots)
    if count < KEPT_SNAPSHOTS:
        why = NEEDS_TWO.format(count=count)
        return Leaving(0, 0, 0, dict.fromkeys(("journal", "archive", "snapshots"), why))
    older = holdings.snapshots[-KEPT_SNAPSHOTS]
    journal, of_journal = _leaving(
        holdings.journal, older.next_command, "command", "the snapshot", rules.journal, holdings
    )
    archive, of_archive = 0, "the whole history, of which everything derived is made"
    if rules.archive is not None:
        who, needed = _needed_event(holdings, older)
        archive, of_archive = _leaving(
            holdings.archive, needed, "event", who, rules.archive, holdings
        )
    kept = {
        "journal": of_journal,
        "archive": of_archive,
        "snapshots": f"the {KEPT_SNAPSHOTS} newest that load",
    }
    return Leaving(journal, archive, count - KEPT_SNAPSHOTS, kept)


def _needed_event(holdings: Holdings, older: SnapshotPlace) -> tuple[str, int]:
    """Who needs the oldest event that somebody needs, and which one it is."""
    # a snapshot is used only where the archive has the event before it
    needed = {"the snapshot": max(older.next_event - 1, 0), **holdings.readers}
    if holdings.covered is not None:
        needed["Postgres has not got it"] = holdings.covered
    who = min(needed, key=needed.__getitem__)
    return who, needed[who]


def _leaving(
    segments: Sequence[Segment], needed: int, what: str, who: str, limit: Limit, holdings: Holdings
) -> tuple[int, str]:
    """How many of the oldest segments may go, and what keeps the next one."""
    total = sum(segment.size_bytes for segment in segments)
    for count, segment in enumerate(segments[:-1]):
        if segment.end > needed:
            return count, f"{what} {needed:,} is needed ({who})"
        young = segment.ended_ns >= holdings.now_ns - limit.age_ns
        if young and not 0 < limit.size_bytes < total:
            return count, "not old enough"
        total -= segment.size_bytes
    return max(len(segments) - 1, 0), "the newest segment"
