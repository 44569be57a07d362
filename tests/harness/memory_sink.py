"""Another system in memory, for tests of the connector's loop: it keeps what it is given.

It can be away, refuse, lose an answer, and be set back, all by the test's word.
"""

from __future__ import annotations

import threading

import numpy as np
from store_world import MemoryArchive

from exchange.connect.connector import Connector, ConnectorParameters
from exchange.connect.sink import Batch, Sink, SinkAway, SinkPosition, SinkRefused

DEADLINE_S = 60.0


class MemorySink:
    """``sequences``: of the events that it has, in order. ``fail_at``: the writes, counted from 1,
    that fail after (True) or before (False) the batch is there."""

    title = "Memory"

    def __init__(self, *, begins_with_state: bool = False) -> None:
        self.begins_with_state = begins_with_state
        self.sequences: list[int] = []
        self.position: SinkPosition | None = None
        self.identity = ""
        self.away = False
        self.refusal = ""
        self.fail_at: dict[int, bool] = {}
        self.begun: list[int] = []
        self.writes = self.opened = self.closed = 0
        self.changed = threading.Condition()

    def open(self) -> SinkPosition | None:
        self.opened += 1
        if self.away:
            raise SinkAway("nobody answers")
        if self.refusal:
            raise SinkRefused(self.refusal)
        return self.position

    def begin(self, next_event: int) -> None:
        self.begun.append(next_event)

    def encode(self, events: np.ndarray) -> tuple[list[int], int]:
        return events["sequence"].tolist(), len(events)

    def write(self, batch: Batch) -> None:
        self.writes += 1
        there = self.fail_at.get(self.writes)
        if there is not True and (there is False or self.away):
            raise SinkAway("the connection is lost")
        assert batch.content == list(range(batch.first, batch.end))
        with self.changed:
            self.sequences += batch.content
            self.position = SinkPosition(batch.end, self.identity)
            self.changed.notify_all()
        if there:
            raise SinkAway("the answer is lost")

    def close(self) -> None:
        self.closed += 1

    def wait_for(self, next_event: int) -> None:
        """Wait until it has every event below ``next_event``."""
        with self.changed:
            has = self.changed.wait_for(
                lambda: self.position is not None and self.position.next_event >= next_event,
                DEADLINE_S,
            )
        assert has, f"it has events up to {self.position}, not {next_event}"


class RunningConnector:
    """A connector in a thread; as a context it is stopped at the end."""

    def __init__(self, archive: MemoryArchive, sink: Sink, *, batch_events: int) -> None:
        self._archive = archive
        parameters = ConnectorParameters(
            batch_events=batch_events, retry_maximum_s=0.2, refused_retry_s=0.05, idle_s=0.01
        )
        self._connector = Connector(parameters, archive, sink)
        self._thread = threading.Thread(target=self._run)
        self.error: BaseException | None = None

    def _run(self) -> None:
        try:
            self._connector.run()
        except BaseException as error:
            self.error = error

    def __enter__(self) -> RunningConnector:
        self._archive.stop.clear()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.stop.set()
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error
