"""Whatever there is and whoever reads it: nothing goes that somebody needs, and what may go goes.

What is needed is said here once more, segment by segment, without the code that decides.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.retention.rules import Holdings, Limit, Rules, Segment, SnapshotPlace, leaving

NOW_NS = 1_000_000
sizes = st.integers(1, 50)
limits = st.builds(Limit, st.integers(0, NOW_NS), st.one_of(st.just(0), st.integers(0, 400)))


@st.composite
def segments(draw: st.DrawFn) -> list[Segment]:
    found: list[Segment] = []
    first, ended_ns = draw(st.integers(0, 20)), 0
    for _ in range(draw(st.integers(0, 8))):
        end = first + draw(st.integers(1, 30))
        ended_ns += draw(st.integers(0, NOW_NS // 4))
        found.append(Segment(first, end, ended_ns, draw(sizes)))
        first = end
    return found


places = st.integers(0, 300)


@st.composite
def holdings(draw: st.DrawFn) -> Holdings:
    snapshots = sorted(
        draw(st.lists(st.builds(SnapshotPlace, places, places), max_size=4, unique=True))
    )
    events = sorted(place.next_event for place in snapshots)
    return Holdings(
        journal=draw(segments()),
        archive=draw(segments()),
        snapshots=[
            SnapshotPlace(place.next_command, event)
            for place, event in zip(snapshots, events, strict=True)
        ],
        readers=draw(st.dictionaries(st.sampled_from(["api", "feed", "day"]), places)),
        covered=draw(st.one_of(st.none(), places)),
        now_ns=NOW_NS,
    )


rules = st.builds(Rules, limits, st.one_of(st.none(), limits))


def permitted(found: list[Segment], index: int, limit: Limit) -> bool:
    """Whether age or size lets a segment go, when all older ones have gone."""
    left = sum(segment.size_bytes for segment in found[index:])
    return found[index].ended_ns < NOW_NS - limit.age_ns or 0 < limit.size_bytes < left


@settings(max_examples=500, deadline=None)
@given(holdings(), rules)
def test_what_is_needed_stays_and_the_rest_goes(have: Holdings, rule: Rules) -> None:
    gone = leaving(have, rule)
    assert set(gone.kept) == {"journal", "archive", "snapshots"} and all(gone.kept.values())
    if len(have.snapshots) < 2:
        assert (gone.journal, gone.archive, gone.snapshots) == (0, 0, 0)
        return
    assert gone.snapshots == len(have.snapshots) - 2
    kept = have.snapshots[-2:]
    # each of the two snapshots can begin a recovery: its next command is there, or after all of it
    for place in kept:
        for segment in have.journal[: gone.journal]:
            assert segment.end <= place.next_command
        for segment in have.archive[: gone.archive]:
            assert not segment.first <= place.next_event - 1 < segment.end, "recovery asks for it"
            assert segment.end <= max(place.next_event, 1)
    # whoever reads finds his first event, and Postgres what it has not got
    needed = [*have.readers.values(), *([] if have.covered is None else [have.covered])]
    for segment in have.archive[: gone.archive]:
        assert all(segment.end <= event for event in needed)
    if rule.archive is None:
        assert gone.archive == 0
    for found, count, limit in (
        (list(have.journal), gone.journal, rule.journal),
        (list(have.archive), gone.archive, rule.archive or Limit(0)),
    ):
        assert count == 0 or count < len(found), "the newest stays"
        assert all(permitted(found, index, limit) for index in range(count))


@settings(max_examples=300, deadline=None)
@given(holdings(), rules)
def test_what_may_go_goes(have: Holdings, rule: Rules) -> None:
    gone = leaving(have, rule)
    if len(have.snapshots) < 2:
        return
    older = have.snapshots[-2]
    at = gone.journal
    if at < len(have.journal) - 1:
        stays = have.journal[at].end > older.next_command
        assert stays or not permitted(list(have.journal), at, rule.journal)
    at = gone.archive
    if rule.archive is not None and at < len(have.archive) - 1:
        events = [max(older.next_event - 1, 0), *have.readers.values()]
        events += [] if have.covered is None else [have.covered]
        stays = have.archive[at].end > min(events)
        assert stays or not permitted(list(have.archive), at, rule.archive)


@settings(max_examples=300, deadline=None)
@given(holdings(), rules)
def test_what_has_gone_changes_nothing_for_the_rest(have: Holdings, rule: Rules) -> None:
    """A crash between two removals: the next look removes the same in the end."""
    gone = leaving(have, rule)
    for journal in range(gone.journal + 1):
        for archive in range(gone.archive + 1):
            rest = leaving(
                have._replace(journal=have.journal[journal:], archive=have.archive[archive:]), rule
            )
            assert rest.journal == gone.journal - journal
            assert rest.archive == gone.archive - archive
