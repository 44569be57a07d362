"""The body of the stage snapshotter: makes snapshots, and removes what is old and not needed.

Who uses it: exchange/stages/main.py. It works on files only: the hot path knows nothing of it. It
may be killed at any moment: an unfinished file has another name, and the next attempt removes it.
Its only parts in shared memory are the durable cursor and Postgres' position, which it reads, and
its counters.

Decisions SUR-7 and SUR-8.
"""

from __future__ import annotations

import logging
import os
import time

from exchange.core import pipeline
from exchange.core.counters import Counter
from exchange.engine.state.snapshot import list_snapshots
from exchange.errors import ExchangeError, ExitStatus
from exchange.recovery.snapshot_maker import SnapshotMade, make_snapshot
from exchange.recovery.snapshot_schedule import SnapshotSchedule
from exchange.retention.housekeeper import Housekeeper
from exchange.runtime.channel import DaemonChannel
from exchange.runtime.data_directory import snapshot_directory
from exchange.runtime.service import ServiceStage
from exchange.runtime.spec import StageSpec
from exchange.runtime.updates import Updates
from journal.errors import JournalError
from ringbuffer.atomics import load_acquire
from ringbuffer.counters import COUNTER_STRIDE, set_value

log = logging.getLogger(__name__)

TURN_S = 0.25  # between two looks; also the longest sleep while a file is written


class Stopped(Exception):
    """The exchange stops: what is unfinished is left."""


class Snapshotter:
    """Makes a snapshot whenever one is due; one turn after the other."""

    def __init__(self, stage: ServiceStage) -> None:
        self._stage = stage
        self._settings = stage.settings.snapshot
        self._made = self._failed = 0
        found = list_snapshots(snapshot_directory(stage.data_directory))
        sequence, made_ns = 0, 0
        if found:
            sequence, made_ns = found[-1][0], found[-1][1].stat().st_mtime_ns
        self._count(Counter.SNAPSHOT_SEQUENCE, sequence)
        self._count(Counter.SNAPSHOT_TIME_NS, made_ns)
        self._schedule = SnapshotSchedule(
            self._settings.interval_s,
            self._settings.commands,
            sequence=sequence,
            age_s=max(time.time_ns() - made_ns, 0) / 1e9 if found else 0.0,
        )
        self._housekeeper = Housekeeper(
            stage.data_directory,
            stage.settings,
            stored=lambda: int(stage.counters[Counter.STORE_NEXT_EVENT * COUNTER_STRIDE]),
            count=self._count,
            beat=self._meanwhile,
        )

    def turn(self) -> None:
        """Make a snapshot if one is due; remove what may go. Raises Stopped."""
        made = self._made
        self._make()
        self._housekeeper.turn(now=self._made > made)

    def _make(self) -> None:
        stage = self._stage
        # acquire: what is durable is in the files before we read them
        if not self._schedule.due(load_acquire(stage.cursors, pipeline.COMMAND_DURABLE)):
            return
        try:
            made = make_snapshot(
                stage.data_directory, now=True, progress=lambda *_: self._beat(), pace=self._pace
            )
        except (ExchangeError, JournalError, OSError) as error:
            self._failed += 1
            self._count(Counter.SNAPSHOTS_FAILED, self._failed)
            self._schedule.failed()
            log.error("no snapshot was made: %s", error)
            return
        if made is None:
            self._schedule.failed()  # nothing is archived yet
        else:
            self._report(made)

    def _report(self, made: SnapshotMade) -> None:
        self._schedule.made(made.next_command)
        if made.made:
            self._made += 1
            log.info(
                "snapshot",
                extra={
                    "fields": {
                        "file": made.path.name,
                        "replayed": made.commands_replayed,
                        "bytes": made.size_bytes,
                        "seconds": round(made.seconds, 3),
                    }
                },
            )
        self._count(Counter.SNAPSHOTS_MADE, self._made)
        self._count(Counter.SNAPSHOT_SEQUENCE, made.next_command)
        self._count(Counter.SNAPSHOT_TIME_NS, time.time_ns())
        self._count(Counter.SNAPSHOT_DURATION_NS, round(made.seconds * 1e9))

    def _beat(self) -> None:
        self._stage.heartbeat()
        if self._stage.stopped():
            raise Stopped

    def _meanwhile(self) -> None:
        """While segments are shipped, perhaps for hours: a snapshot that is due is made."""
        self._beat()
        self._make()

    def _pace(self, descriptor: int, size_bytes: int) -> None:
        """Make a part durable by itself, then rest: a commit of the journal waits for one part."""
        os.fdatasync(descriptor)
        left_s = size_bytes / self._settings.bytes_per_second
        while left_s > 0:
            self._beat()
            time.sleep(min(left_s, TURN_S))
            left_s -= TURN_S

    def _count(self, counter: Counter, value: int) -> None:
        set_value(self._stage.counters, int(counter), value)


def run(spec: StageSpec, channel: DaemonChannel, updates: Updates) -> int:
    """Run the stage. Returns its exit status."""
    stage = ServiceStage(spec, channel, updates)
    snapshotter = Snapshotter(stage)
    stage.ready()
    try:
        while not stage.stopped():
            stage.heartbeat()
            snapshotter.turn()
            stage.wait(TURN_S, lambda: False)
    except Stopped:
        log.info("stopped within a snapshot; the next start makes it")
    return ExitStatus.OK
