"""The cache's models at a place of the stream."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from store_world import MemoryArchive, random_events, write_archive

from exchange.connect.redis.models import ModelSizes
from exchange.connect.sink import SinkRefused
from exchange.settings import ROOT


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


# In a process of its own: here, other tests have compiled functions for other types already.
AFTER_THE_UNITS = """
import gc, sys, tempfile
from pathlib import Path
sys.path[:0] = [{root!r}, {harness!r}]
from numba.core.dispatcher import Dispatcher
from exchange.compiler.units import units
from store_world import MemoryArchive, random_events, write_archive
events = random_events(1, 1_000)
for unit in units():
    if unit.name in ("journal", "account model", "market model", "snapshots"):
        unit.compile()
from exchange.connect.redis.changes import CacheChanges
from exchange.connect.redis.content import Shape, content
from exchange.connect.redis.models import ModelSizes

def compiled():
    found = [each for each in gc.get_objects() if isinstance(each, Dispatcher)]
    return {{
        (each.py_func.__module__, each.py_func.__qualname__, str(signature))
        for each in found
        for signature in each.overloads
    }}

before = compiled()
shape = Shape("x", levels=3, trades=5, klines=4, intervals=("1m",))
with tempfile.TemporaryDirectory() as name:
    write_archive(Path(name), events)
    sizes = ModelSizes(Path(name), trades=5, klines=4, batch_events=64)
    archive = MemoryArchive(events)
    for _ in range(2):
        models = sizes.newest(archive, len(events))
        changes = CacheChanges(models, shape)
        changes.reset()
        while models.next_event < len(events):
            models.apply(archive.view(models.next_event, 64))
            changes.commands()
        list(content(models, shape))
        sizes.writer(models, archive, 1).save_now()
    assert models.next_event == len(events)
print(*sorted(compiled() - before), sep="\\n")
"""


@pytest.mark.needs_jit
def test_the_models_compile_nothing_after_the_units() -> None:
    """Not even something that a cache has: it would not be there at a first start."""
    code = AFTER_THE_UNITS.format(root=str(ROOT), harness=str(ROOT / "tests" / "harness"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
