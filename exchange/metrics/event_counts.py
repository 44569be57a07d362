"""What the released events add up to, as far as this process has read them.

Who uses it: the collector. ``learn`` is a listener of the event pump: a few numpy calls for a batch
of thousands of events, in a process that nothing waits for.
"""

from __future__ import annotations

import numpy as np

from exchange.codes import EventKind, Reject

KINDS = 1 << 8
_REFUSALS = (EventKind.REJECTED, EventKind.CANCEL_REJECTED, EventKind.CONTROL_REJECTED)


class EventCounts:
    """``kinds``: int64[256], events by kind; ``reasons``: int64[256], refusals by ``Reject``.

    ``volume``: the quantity of all trades; ``trades``: their number. Since the process started, or
    since the checkpoint from which its models went on.
    """

    def __init__(self) -> None:
        self.kinds = np.zeros(KINDS, np.int64)
        self.reasons = np.zeros(KINDS, np.int64)
        self.volume = 0

    def learn(self, events: np.ndarray) -> None:
        """Count ``events``: EVENT[n]."""
        kinds = events["kind"]
        self.kinds += np.bincount(kinds, minlength=KINDS)
        self.volume += int(events["quantity"][kinds == EventKind.TRADE].sum())
        refused = events["reason"][np.isin(kinds, _REFUSALS)]
        if len(refused):
            self.reasons += np.bincount(refused, minlength=KINDS)

    @property
    def cancelled(self) -> int:
        """Orders that were cancelled: by their owner, an operator, a rule or the end of the day."""
        return int(self.kinds[EventKind.CANCELED])

    def rejects(self) -> dict[str, int]:
        """Refusals by the name of their reason."""
        return {
            reason.name.lower(): int(self.reasons[reason])
            for reason in Reject
            if reason != Reject.NONE
        }
