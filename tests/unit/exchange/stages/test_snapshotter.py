"""The body of the snapshotter; tests/fault/test_kill_snapshotter.py runs it for real."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from exchange.core import pipeline
from exchange.core.counters import COUNTER_WORDS, Counter
from exchange.engine.state.snapshot import list_snapshots
from exchange.settings import load_settings
from exchange.stages import snapshotter as module
from exchange.stages.snapshotter import Snapshotter, Stopped
from ringbuffer.counters import COUNTER_STRIDE
from tests.harness import sample_journal

pytestmark = pytest.mark.needs_jit  # thousands of commands


class FakeStage:
    """What the snapshotter uses of ServiceStage."""

    def __init__(self, directory: Path, **keys: Any) -> None:
        shipped = load_settings(None)
        section = msgspec.structs.replace(shipped.snapshot, **keys)
        self.settings = msgspec.structs.replace(shipped, snapshot=section)
        self.data_directory = directory
        self.counters = np.zeros(COUNTER_WORDS, np.int64)
        self.cursors = np.zeros(pipeline.CURSOR_WORDS, np.int64)
        self.beats = 0
        self.stop = False

    def heartbeat(self) -> None:
        self.beats += 1

    def stopped(self) -> bool:
        return self.stop

    def value(self, counter: Counter) -> int:
        return int(self.counters[counter * COUNTER_STRIDE])

    def durable(self, sequence: int) -> None:
        self.cursors[pipeline.COMMAND_DURABLE] = sequence


@pytest.fixture
def data(tmp_path: Path) -> Path:
    sample_journal.write_journal(tmp_path, sample_journal.random_commands(3, 500))
    sample_journal.write_archive(tmp_path)
    return tmp_path


def make(stage: FakeStage) -> Snapshotter:
    return Snapshotter(stage)  # type: ignore[arg-type]


def test_it_makes_one_when_it_is_due_and_tells(data: Path) -> None:
    stage = FakeStage(data, commands=500)
    snapshotter = make(stage)
    assert stage.value(Counter.SNAPSHOT_TIME_NS) == 0, "there is none yet"
    stage.durable(499)
    snapshotter.turn()
    assert list_snapshots(data / "snapshots") == []
    stage.durable(500)
    snapshotter.turn()
    ((sequence, _),) = list_snapshots(data / "snapshots")
    assert stage.value(Counter.SNAPSHOT_SEQUENCE) == sequence
    assert stage.value(Counter.SNAPSHOTS_MADE) == 1
    assert stage.value(Counter.SNAPSHOT_DURATION_NS) > 0
    assert 0 <= time.time_ns() - stage.value(Counter.SNAPSHOT_TIME_NS) < 3_600 * 10**9
    assert stage.beats > 0
    again = FakeStage(data)
    make(again)
    assert again.value(Counter.SNAPSHOT_SEQUENCE) == sequence, "it is found at the next start"


def test_a_failure_is_counted_and_tried_again_later(
    data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (data / "engine.json").unlink()
    stage = FakeStage(data, commands=1)
    snapshotter = make(stage)
    stage.durable(500)
    snapshotter.turn()
    snapshotter.turn()
    assert stage.value(Counter.SNAPSHOTS_FAILED) == 1
    assert "engine.json" in caplog.text


def test_a_stop_ends_it_at_once_and_what_is_written_is_paced(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(module.time, "sleep", slept.append)
    stage = FakeStage(data, commands=1, bytes_per_second=1 << 20)
    stage.durable(500)
    make(stage).turn()
    ((_, path),) = list_snapshots(data / "snapshots")
    parts = path.stat().st_size
    assert sum(slept) == pytest.approx(parts / (1 << 20), rel=0.2)
    assert max(slept) <= module.TURN_S
    path.unlink()
    stopping = FakeStage(data, commands=1)
    stopping.durable(500)
    stopping.stop = True
    with pytest.raises(Stopped):
        make(stopping).turn()
    assert list((data / "snapshots").iterdir()) == []


def test_a_snapshot_that_is_due_does_not_wait_for_what_takes_segments_away(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program of [archive] that hangs keeps segments on the disk, and nothing else."""
    stage = FakeStage(data, commands=500)
    snapshotter = make(stage)
    stage.durable(500)
    assert stage.value(Counter.SNAPSHOTS_MADE) == 0
    snapshotter._housekeeper._beat()  # as between two looks whether the program has ended
    assert stage.value(Counter.SNAPSHOTS_MADE) == 1
    assert len(list_snapshots(data / "snapshots")) == 1
    snapshotter._housekeeper._beat()
    assert stage.value(Counter.SNAPSHOTS_MADE) == 1
