"""Commands a second, over the last seconds.

Who uses it: the collector. It is measured by a clock of its own, so that two programs that scrape
do not disturb each other's figure.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

WINDOW_S = 10.0


class Throughput:
    """``count``: a number that only grows. ``tick`` is called about once a second."""

    def __init__(
        self, count: Callable[[], int], clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._count = count
        self._clock_s = clock_s
        self._samples: deque[tuple[float, int]] = deque([(clock_s(), count())])

    def tick(self) -> None:
        """Remember how much there is now."""
        now_s = self._clock_s()
        self._samples.append((now_s, self._count()))
        while len(self._samples) > 2 and self._samples[1][0] <= now_s - WINDOW_S:
            self._samples.popleft()

    def per_second(self) -> float:
        """The mean rate since the oldest sample of the window; 0 without two."""
        first_s, first = self._samples[0]
        elapsed_s = self._clock_s() - first_s
        grown = self._count() - first
        # less than before: the core has started again, and counts anew
        return grown / elapsed_s if elapsed_s > 0 and grown > 0 else 0.0
