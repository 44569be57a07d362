"""A collector of metrics over the shared memory of a small exchange that does not run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from exchange.compiler.small import small_arrays, small_configuration
from exchange.metrics.collector import DepthBounds, ExchangeCollector
from exchange.metrics.event_counts import EventCounts
from exchange.runtime.health import Health
from exchange.runtime.run_file import RunFile, StageState


class _Instrument:
    def __init__(self, symbol: str) -> None:
        self.symbol = symbol


class _Depth:
    bids = ((100, 30, 2), (99, 5, 1))
    asks = ((101, 4, 1),)


class _Market:
    """Two instruments with the same book."""

    def __init__(self) -> None:
        self.instruments = {2: _Instrument("MSFT"), 1: _Instrument("AAPL")}

    def depth(self, number: int, levels: int) -> Any:
        assert levels == 10
        return _Depth


class NoArchive:
    """An archive without events."""

    def read_one(self, sequence: int) -> np.void | None:
        return None

    def oldest(self) -> int:
        return 0


def metrics_of(
    directory: Path, counts: EventCounts | None = None
) -> tuple[dict[str, np.ndarray], ExchangeCollector]:
    """The arrays (all 0) and a collector that reads them; ``directory``: of its run file."""
    arrays = small_arrays(small_configuration("").settings)
    health = Health(
        healthy=False,
        phase="stopping",
        problems=["the exchange is stopping"],
        heartbeat_age_ms={},
        lag={},
        day=0,
        warnings=["one", "two"],
    )
    return arrays, ExchangeCollector(
        arrays,
        directory,
        archive=NoArchive(),
        market=_Market(),  # type: ignore[arg-type]
        counts=EventCounts() if counts is None else counts,
        depth=DepthBounds(symbols=1, levels=10),
        sizes={"live_orders": 1_000},
        health=lambda: health,
        configuration="abc",
        certificate_files=["/nowhere.pem"],
    )


def runs(directory: Path, *stages: str) -> None:
    """Write a run file by which this process is each of ``stages``."""
    RunFile(directory).write(
        phase="running",
        name="test",
        order_entry="",
        addresses={},
        day=0,
        restarts={},
        stages={
            stage: StageState(pid=os.getpid(), cpus=[], ready=True, started=0.0) for stage in stages
        },
        compiling=[],
    )
