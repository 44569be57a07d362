"""Counts of released events, on events whose sums are known."""

from __future__ import annotations

import numpy as np

from exchange.codes import EventKind, Reject
from exchange.metrics.event_counts import EventCounts
from exchange.records import EVENT


def events(*rows: tuple[EventKind, int, int]) -> np.ndarray:
    made = np.zeros(len(rows), EVENT)
    for event, (kind, quantity, reason) in zip(made, rows, strict=True):
        event["kind"], event["quantity"], event["reason"] = kind, quantity, reason
    return made


def test_sums_over_batches() -> None:
    counts = EventCounts()
    counts.learn(
        events(
            (EventKind.ACCEPTED, 100, 0),
            (EventKind.TRADE, 40, 0),
            (EventKind.TRADE, 60, 0),
            (EventKind.CANCELED, 7, 1),
        )
    )
    counts.learn(
        events(
            (EventKind.REJECTED, 5, Reject.PRICE_BAND),
            (EventKind.CANCEL_REJECTED, 0, Reject.PRICE_BAND),
            (EventKind.TRADE, 1, 0),
            (EventKind.CANCELED, 1, Reject.PRICE_BAND),
        )
    )
    assert (counts.volume, counts.cancelled) == (101, 2)
    assert counts.rejects()["price_band"] == 2, "a cancel's reason is no reject"
    assert sum(counts.rejects().values()) == 2
    assert int(counts.kinds[EventKind.TRADE]) == 3


def test_an_empty_batch_changes_nothing() -> None:
    counts = EventCounts()
    counts.learn(np.zeros(0, EVENT))
    assert counts.volume == 0 and not counts.kinds.any()
