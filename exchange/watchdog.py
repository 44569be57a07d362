"""Which stages hang: a heartbeat that has not moved for too long.

Who uses it: the daemon's one thread. A stage beats while it works and while it sleeps
(``supervision.idle_timeout_ms``), so silence means that it is stopped (SIGSTOP), spins, or waits in
a system call. Invariant: only time in which the daemon itself looked counts. When the whole machine
was suspended, or the daemon had no processor, everyone gets the full time again.
"""

from __future__ import annotations

from collections.abc import Mapping

NANOSECONDS_PER_MILLISECOND = 1_000_000
# a pause of the daemon itself longer than this part of the timeout starts everyone's time anew
PAUSE_PARTS = 3


class Watchdog:
    """``timeout_ms``: how long a heartbeat may stay the same; 0: nobody ever hangs."""

    def __init__(self, timeout_ms: int) -> None:
        self._timeout_ns = timeout_ms * NANOSECONDS_PER_MILLISECOND
        self._seen: dict[str, tuple[int, int]] = {}  # stage -> heartbeat, since when it is that
        self._looked_ns = 0

    def look(self, now_ns: int, heartbeats: Mapping[str, int]) -> list[str]:
        """The stages that hang at ``now_ns`` (CLOCK_MONOTONIC).

        ``heartbeats``: stage -> the value it reported last, of every stage that is to be watched
        now. A stage that is not in it is forgotten.
        """
        if self._timeout_ns == 0:
            return []
        paused = now_ns - self._looked_ns > self._timeout_ns // PAUSE_PARTS
        self._looked_ns = now_ns
        seen = {}
        for stage, heartbeat in heartbeats.items():
            before, since_ns = self._seen.get(stage, (-1, now_ns))
            if paused or heartbeat != before:
                since_ns = now_ns
            seen[stage] = (heartbeat, since_ns)
        self._seen = seen
        return [
            stage for stage, (_, since_ns) in seen.items() if now_ns - since_ns > self._timeout_ns
        ]
