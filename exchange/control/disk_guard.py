"""Looks at the disk once a second: says how full it is, and stops new orders before it is full.

Who uses it: ``loop.py``, in the daemon's one thread. What stops new orders is a command (Parameter
ORDERS_STOPPED), so it is in the journal and every replay refuses the same orders; cancels work on.
Without it a full disk ends the exchange in the middle of the market (exit status JOURNAL_FAILED).

Decision CTL-12.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from exchange.codes import Parameter
from exchange.commands import Record, set_operator, set_parameter
from exchange.core.counters import Counter
from ringbuffer.counters import set_value

log = logging.getLogger(__name__)

LOOK_S = 1.0
SEGMENTS = 2  # of the journal: what must be free at any time, because they are allocated whole
PART = 20  # of a small disk: stop when less than this part is free
RESUME_FACTOR = 1.5  # so much more must be free before orders are taken again


def least_free(size: int, stop_bytes: int, segment_bytes: int) -> int:
    """What must be free of a file system of ``size`` bytes, so that orders are taken.

    ``stop_bytes``, ``segment_bytes``: see [journal] in exchange.toml.
    """
    return max(min(stop_bytes, size // PART), SEGMENTS * segment_bytes)


class DiskGuard:
    """``directories``: of journal, archive and everything else; the fullest one counts.

    ``stop_bytes``, ``segment_bytes``: see [journal] in exchange.toml. ``send``: writes a command.
    ``stopped``: whether orders are stopped, as the journal has it. ``statvfs``: os.statvfs.
    """

    def __init__(
        self,
        directories: Iterable[Path],
        counters: np.ndarray,
        send: Callable[[Record], object],
        *,
        stop_bytes: int,
        segment_bytes: int,
        stopped: bool,
        statvfs: Callable[[Path], os.statvfs_result] = os.statvfs,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directories = list(directories)
        self._counters = counters
        self._send = send
        self._stop_bytes = stop_bytes
        self._segment_bytes = segment_bytes
        self._stopped = stopped
        self._statvfs = statvfs
        self._clock_s = clock_s
        self._looked_s: float | None = None

    def work(self) -> None:
        """Look, if a second has passed; send what follows from it."""
        now_s = self._clock_s()
        if self._looked_s is not None and now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        found = [room for room in map(self._room, self._directories) if room is not None]
        if not found:
            return
        size, free = min(found, key=lambda room: room[1] / max(room[0], 1))
        set_value(self._counters, int(Counter.DISK_BYTES), size)
        set_value(self._counters, int(Counter.DISK_FREE_BYTES), free)
        low = any(free < self._least(size) for size, free in found)
        enough = all(free >= RESUME_FACTOR * self._least(size) for size, free in found)
        if low and not self._stopped:
            log.error("no new orders: the disk is nearly full", extra={"fields": {"free": free}})
            self._switch(True)
        elif enough and self._stopped:
            log.warning(
                "orders are taken again: the disk has room", extra={"fields": {"free": free}}
            )
            self._switch(False)
        set_value(self._counters, int(Counter.ORDERS_STOPPED), int(self._stopped))

    def _room(self, directory: Path) -> tuple[int, int] | None:
        """Size and free bytes of the file system; None when it cannot be asked."""
        try:
            found = self._statvfs(directory)
        except OSError:
            return None  # not made yet; the journal itself says what is wrong with it
        return found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize

    def _least(self, size: int) -> int:
        return least_free(size, self._stop_bytes, self._segment_bytes)

    def _switch(self, stopped: bool) -> None:
        self._stopped = stopped
        record = set_parameter(Parameter.ORDERS_STOPPED, 0, (int(stopped), 0, 0))
        set_operator(record, "disk guard", os.getuid())
        self._send(record)
