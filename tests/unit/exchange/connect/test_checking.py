"""The archive as a check reads it: all of it, once, with its names."""

from __future__ import annotations

from pathlib import Path

from market_events import MarketEvents
from store_world import write_archive

from exchange.connect.checking import CheckedWorld
from exchange.settings import load_settings


def test_a_check_reads_every_event_and_knows_the_names(tmp_path: Path) -> None:
    world = MarketEvents()
    world.open_market()
    events = world.take()
    write_archive(tmp_path, events)
    seen: list[tuple[int, int]] = []
    checked = CheckedWorld(tmp_path, load_settings(None), lambda *each: seen.append(each))
    assert checked.end == len(events)
    assert b"".join(each.tobytes() for each in checked.batches()) == events.tobytes()
    assert checked.directory.symbol(1) == "2330.TW"
    assert seen == [(len(events), len(events))]


def test_a_check_may_end_before_the_newest_event(tmp_path: Path) -> None:
    world = MarketEvents()
    world.open_market()
    write_archive(tmp_path, world.take())
    checked = CheckedWorld(tmp_path, load_settings(None))
    assert sum(len(events) for events in checked.batches(2)) == 2
