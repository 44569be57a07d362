"""The newest deposits and withdrawals of money, of all accounts: a ring of rows.

Who uses it: ``ledger_model.py``. They are rare beside trades, so the rows are found by looking at
all of them: 65,536 account numbers are compared in some 30 µs.

Invariants: rows are in the order of their events. ``complete_from`` is an event from which on no
deposit and no withdrawal is missing.

Decision API-23.
"""

from __future__ import annotations

import numpy as np

from exchange.codes import EventKind

MOVEMENTS_KEPT = 65_536
# columns of a row
SEQUENCE, TIMESTAMP_NS, ACCOUNT, CURRENCY, CHANGE, AFTER = range(6)
_FIELDS = ("sequence", "timestamp_ns", "account", "currency", "quantity", "remaining")


class Movements:
    """The newest ``kept`` movements. ``complete_from``: see the module."""

    def __init__(self, kept: int = MOVEMENTS_KEPT) -> None:
        self._columns = np.zeros((len(_FIELDS), kept), np.int64)
        self._kept = kept
        self._seen = 0
        self.complete_from = 0

    def learn(self, events: np.ndarray) -> None:
        """Follow ``events``: EVENT array, each once and in order."""
        found = np.flatnonzero(events["kind"] == EventKind.BALANCE_CHANGED)
        if len(found):
            found = found[events["instrument"][found] == 0]  # others are of stock
            rows = events[found]
            self._add(np.array([rows[name] for name in _FIELDS], np.int64))

    def _add(self, columns: np.ndarray) -> None:
        """Take ``columns``, int64[6, n], behind those that are there."""
        count = columns.shape[1]
        if count == 0:
            return
        newest_gone = self._seen + count - self._kept - 1  # by number, from 0
        if newest_gone >= self._seen:
            self.complete_from = int(columns[SEQUENCE, newest_gone - self._seen]) + 1
        elif newest_gone >= 0:
            gone = self._columns[SEQUENCE, newest_gone % self._kept]
            self.complete_from = max(self.complete_from, int(gone) + 1)
        first = max(0, count - self._kept)
        places = np.arange(self._seen + first, self._seen + count) % self._kept
        self._columns[:, places] = columns[:, first:]
        self._seen += count

    def of(
        self, account: int, currency: int | None, before_sequence: int | None, limit: int
    ) -> np.ndarray:
        """The newest ``limit`` movements of ``account``, newest first: int64[n, 6].

        ``currency``: of this one only; ``before_sequence``: of older events only.
        """
        count = min(self._seen, self._kept)
        wanted = self._columns[ACCOUNT, :count] == account
        if currency is not None:
            wanted &= self._columns[CURRENCY, :count] == currency
        if before_sequence is not None:
            wanted &= self._columns[SEQUENCE, :count] < before_sequence
        places = np.flatnonzero(wanted)
        if self._seen > self._kept:  # the oldest is in the middle
            start = self._seen % self._kept
            cut = int(np.searchsorted(places, start))
            places = np.concatenate([places[cut:], places[:cut]])
        rows: np.ndarray = self._columns[:, places[::-1][:limit]].T
        return rows

    # --- for the checkpoint -----------------------------------------------------------------------

    def dump(self) -> np.ndarray:
        """All of it as int64[1 + n, 6], oldest first; the first row begins with complete_from."""
        count = min(self._seen, self._kept)
        places = np.arange(self._seen - count, self._seen) % self._kept
        head = np.zeros((1, len(_FIELDS)), np.int64)
        head[0, 0] = self.complete_from
        return np.concatenate([head, self._columns[:, places].T])

    def load(self, dumped: np.ndarray | None, next_event: int) -> None:
        """Become what was dumped; None: begin with event ``next_event``.

        Raises ValueError when it does not fit.
        """
        if dumped is None:
            self.complete_from = next_event
            return
        if dumped.ndim != 2 or dumped.shape[0] < 1 or dumped.shape[1] != len(_FIELDS):
            raise ValueError(f"the movements have the shape {dumped.shape}")
        self.complete_from = int(dumped[0, 0])
        self._add(np.ascontiguousarray(dumped[1:].T))
