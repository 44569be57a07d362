"""The cache's models at a place of the stream."""

from __future__ import annotations

from pathlib import Path

import pytest
from store_world import MemoryArchive, random_events, write_archive

from exchange.connect.redis.models import ModelSizes
from exchange.connect.sink import SinkRefused


def test_models_begin_with_the_newest_checkpoint(tmp_path: Path) -> None:
    events = random_events(1, 1_000)
    write_archive(tmp_path, events)
    archive = MemoryArchive(events)
    sizes = ModelSizes(tmp_path, trades=5, klines=4, batch_events=64)
    models, beats = sizes.newest(archive, len(events)), []
    assert models.next_event == 0
    models.read_on(archive, 500, lambda: beats.append(models.next_event))
    assert beats == [*range(64, 500, 64), 500]
    changes, balances, positions = models.take_changes()
    assert not changes and not len(balances) and not len(positions)
    sizes.writer(models, archive, 10_000).save_now()
    assert sizes.newest(archive, len(events)).next_event == 500
    # newer than what is released: passed over
    assert sizes.newest(archive, 499).next_event == 0


def test_without_the_events_there_is_no_way_to_the_models(tmp_path: Path) -> None:
    events = random_events(1, 1_000)
    write_archive(tmp_path, events)
    archive = MemoryArchive(events)
    archive.first = 100
    with pytest.raises(SinkRefused, match="the archive begins with event 100"):
        ModelSizes(tmp_path, trades=5, klines=4, batch_events=64).newest(archive, len(events))
