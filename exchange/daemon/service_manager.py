"""What systemd is told: readiness, status lines, more time, and that the core makes progress.

Who uses it: the daemon's one thread. Without ``$NOTIFY_SOCKET`` nothing is sent. While the exchange
starts and stops, the daemon's own limits (``supervision.start_timeout_ms``, ``stop_timeout_ms``)
decide how long that may take; systemd's are extended, so that they never come first. From readiness
on ``WATCHDOG=1`` is sent only when the core has moved since the last time:

    matcher, journaler       their heartbeats, which a stage also reports while it sleeps
    commands that came       taken by the matcher
    commands taken           durable
    events                   released

What has nothing to do counts as moved. So systemd ends a daemon that lives before a core that does
not: one that waits for a disk for ever, or one that hangs where ``supervision.hang_timeout_ms`` is
0. While a core restarts by recovery the daemon's limits hold again.

Decision CTL-14.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from exchange.core.stage_names import CORE_STAGES
from exchange.runtime.process import notify_systemd, watchdog_interval_s

if TYPE_CHECKING:
    from exchange.core.region import Core

log = logging.getLogger(__name__)

EXTENSION_S = 30  # more time for a start, each time; so that some may get lost
EXTEND_EVERY_S = 10
MARGIN_MS = 10_000  # of systemd's patience over the daemon's own
_MICROSECONDS = 1_000_000


def core_marks(core: Core) -> dict[str, int]:
    """What must move of a core that works: what it is -> how far it is."""
    from exchange.core import pipeline  # with the compiler's packages, which a start has in time

    marks = {f"{stage}": beat for stage, beat in core.heartbeats_of(CORE_STAGES).items()}
    cursors = core.cursors
    waiting = {
        "commands that came": [
            (pipeline.ingress_published(ring), pipeline.ingress_consumed(ring))
            for ring in pipeline.IngressRing
        ],
        "commands before the disk": [(pipeline.COMMAND_PUBLISHED, pipeline.COMMAND_DURABLE)],
        "events before their release": [(pipeline.EVENT_PUBLISHED, pipeline.EVENT_RELEASED)],
    }
    for what, pairs in waiting.items():
        # what is done is read first: it may be behind by then, and never ahead
        done = [(int(cursors[after]), int(cursors[before])) for before, after in pairs]
        if any(after < before for after, before in done):
            marks[what] = sum(after for after, _ in done)
    return marks


class ServiceManager:
    """``tell`` sends a line to systemd.

    ``interval_s``: between two signs of life; None: no watchdog waits for them.
    """

    def __init__(self, tell: Callable[[str], None] = notify_systemd) -> None:
        self._tell = tell
        half_s = watchdog_interval_s()
        # half of what systemd recommends: a stall is said before systemd acts
        self.interval_s = None if half_s is None else half_s / 2
        self._due_s = 0.0
        self._ready = False
        self._seen: dict[str, int] = {}
        self._stalled = False
        self._status = ""

    def phase(self, name: str, patience_ms: int = 0) -> None:
        """Say in which phase the daemon is; ``patience_ms``: how long it may take by itself."""
        self._status = name
        self._stalled = False
        self._seen = {}
        extension = (patience_ms + MARGIN_MS) * 1000 if patience_ms else 0
        more = f"\nEXTEND_TIMEOUT_USEC={extension}" if extension else ""
        self._tell(f"STATUS={name}{more}")

    def running(self, day: int, restarts: int) -> None:
        """The exchange trades: READY=1 at the first time; ``restarts``: of its core until now."""
        told = self._status
        self._status = f"running, day {day}" if day else "running, no day is open"
        if restarts:
            self._status += f", {restarts} restarts of the core"
        if not self._ready:
            self._ready = True
            self._tell(f"READY=1\nSTATUS={self._status}")
        elif told != self._status:
            self._tell(f"STATUS={self._status}")

    def stopping(self, patience_ms: int = 0) -> None:
        """The daemon ends; ``patience_ms``: how long a graceful stop may take."""
        extension = (patience_ms + MARGIN_MS) * 1000
        self._tell(f"STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC={extension}")

    def look(self, now_s: float, core: Core | None) -> None:
        """Call it often. ``now_s``: monotonic. ``core``: the one that runs; None while none does,
        and while one starts or stops within the daemon's own limits."""
        if now_s < self._due_s:
            return
        if not self._ready:
            self._tell(f"EXTEND_TIMEOUT_USEC={EXTENSION_S * _MICROSECONDS}")
            self._due_s = now_s + EXTEND_EVERY_S
            return
        if self.interval_s is None:
            return
        marks = {} if core is None else core_marks(core)
        stuck = [what for what, mark in marks.items() if self._seen.get(what) == mark]
        if stuck:
            # looked at again at the next turn: the first movement counts
            if not self._stalled:
                self._stalled = True
                text = f"stalled: {', '.join(stuck)}"
                log.warning("%s: no sign of life for the service manager until it moves", text)
                self._tell(f"STATUS={text}")
            return
        if self._stalled:
            self._stalled = False
            log.warning("the core moves again")
            self._tell(f"STATUS={self._status}")
        self._seen = marks
        self._tell("WATCHDOG=1")
        self._due_s = now_s + self.interval_s
