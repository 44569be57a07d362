"""When the next snapshot is due: by time, by commands, and later after a failure.

Who uses it: the stage snapshotter. It counts on CLOCK_MONOTONIC; how old the newest snapshot was at
the start comes from its file. Without new commands none is due, however old the newest is: it holds
everything.
"""

from __future__ import annotations

import time
from collections.abc import Callable

RETRY_S = 60.0  # after a failed attempt


class SnapshotSchedule:
    """``interval_s``, ``commands``: see [snapshot] in exchange.toml.

    ``sequence``, ``age_s``: of the newest snapshot; 0 and 0.0 where there is none.
    """

    def __init__(
        self,
        interval_s: float,
        commands: int,
        *,
        sequence: int,
        age_s: float,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval_s = interval_s
        self._commands = commands
        self._sequence = sequence
        self._clock_s = clock_s
        self._made_s = clock_s() - age_s
        self._not_before_s = 0.0

    def due(self, durable: int) -> bool:
        """Whether a snapshot is due; ``durable``: the first command that is not durable."""
        now_s = self._clock_s()
        new = durable - self._sequence
        if new <= 0 or now_s < self._not_before_s:
            return False
        return new >= self._commands or now_s - self._made_s >= self._interval_s

    def made(self, sequence: int) -> None:
        """The newest snapshot holds every command below ``sequence``, and was made just now."""
        self._sequence = sequence
        self._made_s = self._clock_s()

    def failed(self) -> None:
        """An attempt has failed: not before RETRY_S, or the interval where that is shorter."""
        self._not_before_s = self._clock_s() + min(RETRY_S, self._interval_s)
