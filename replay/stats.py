"""``exchange-replay stats``: what is in a journal, counted.

One pass over the commands and one over the events, in constant memory. The commit delay is the time
from the matcher's stamp on a command to the moment its frame was written (both CLOCK_REALTIME):
waiting for the commit before it plus the copy into the command ring, not the fdatasync itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from exchange.codes import (
    CancelReason,
    CommandKind,
    EventKind,
    InstrumentState,
    Reject,
    TradeReason,
)
from exchange.engine.state.snapshot import list_snapshots
from exchange.records import COMMAND_SIZE_BYTES, EVENT_SIZE_BYTES
from exchange.runtime.data_directory import snapshot_directory
from replay.directory import Directory
from replay.source import JournalView
from replay.text import code_name, time_text

PERCENTILES = (50.0, 95.0, 99.0, 99.9, 100.0)
_BUCKETS = 2048
_REFUSALS = (EventKind.REJECTED, EventKind.CANCEL_REJECTED, EventKind.CONTROL_REJECTED)


class LogHistogram:
    """Counts of non-negative integers in buckets of 1/32 relative width: constant memory."""

    def __init__(self) -> None:
        self.counts = np.zeros(_BUCKETS, np.int64)

    def add(self, values: np.ndarray) -> None:
        """Count ``values``: int64, negative ones as 0."""
        values = np.maximum(values, 0)
        exact = values < 32
        # value = mantissa * 2^exponent with 32 <= mantissa < 64, by the float's own exponent
        exponent = np.frexp(np.maximum(values, 32).astype(np.float64))[1].astype(np.int64) - 6
        bucket = np.where(exact, values, (values >> exponent) + 32 * exponent)
        self.counts += np.bincount(np.minimum(bucket, _BUCKETS - 1), minlength=_BUCKETS)

    def percentile(self, percent: float) -> int:
        """Upper edge of the bucket in which that share of the values is reached; 0 when empty."""
        total = int(self.counts.sum())
        if total == 0:
            return 0
        rank = max(1, int(np.ceil(total * percent / 100.0)))
        bucket = int(np.searchsorted(np.cumsum(self.counts), rank))
        if bucket < 64:
            return bucket
        exponent = bucket // 32 - 1
        mantissa = bucket - 32 * exponent
        return ((mantissa + 1) << exponent) - 1


def collect(
    view: JournalView, directory: Directory, progress: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """All figures as one dictionary (what ``--json`` prints)."""
    commands = _commands(view, progress)
    events = _events(view, directory)
    files = {
        "journal_bytes": sum(path.stat().st_size for _, path in view.segments()),
        "journal_segments": len(view.segments()),
        "command_bytes": commands["slots"] * COMMAND_SIZE_BYTES,
        "archive_bytes": sum(p.stat().st_size for p in view.archive.directory.glob("*.evt")),
        "event_bytes": events["count"] * EVENT_SIZE_BYTES,
        "snapshot_bytes": sum(
            path.stat().st_size for _, path in list_snapshots(snapshot_directory(view.data_dir))
        ),
    }
    return {"commands": commands, "events": events, "files": files}


def _commands(view: JournalView, progress: Callable[[int, int], None] | None) -> dict[str, Any]:
    first = view.first_command
    kinds = np.zeros(256, np.int64)
    count = 0
    first_ns = last_ns = 0
    end = first
    total = view.next_command - first
    for chunk in view.commands(first):
        records = chunk.commands
        kinds += np.bincount(records["kind"], minlength=256)
        if count == 0:
            first_ns = int(records["timestamp_ns"][0])
        last_ns = int(records["timestamp_ns"][-1])
        count += len(records)
        end = chunk.first_sequence + len(chunk.slots)
        if progress is not None:
            progress(end - first, total)
    frames, delay, largest = _frames(view, end)
    seconds = (last_ns - first_ns) / 1e9
    return {
        "first_sequence": first,
        "next_sequence": end,
        "slots": end - first,
        "count": count,
        "by_kind": _by_code(kinds, CommandKind),
        "first_time": time_text(first_ns) if count else "",
        "last_time": time_text(last_ns) if count else "",
        "seconds": seconds,
        "per_second": count / seconds if seconds > 0 else 0.0,
        "frames": frames,
        "slots_per_frame": (end - first) / frames if frames else 0.0,
        "largest_frame_slots": largest,
        "commit_delay_us": {
            f"p{percent:g}": delay.percentile(percent) / 1000.0 for percent in PERCENTILES
        },
    }


def _frames(view: JournalView, end: int) -> tuple[int, LogHistogram, int]:
    """(frames, commit delays in ns of every slot that begins a record, slots of the largest)."""
    delay = LogHistogram()
    frames = largest = 0
    stamps: list[int] = []
    commits: list[int] = []
    reader = view.reader(view.first_command)
    for sequence, slots in reader.frames():
        if sequence >= end:
            break
        frames += 1
        largest = max(largest, len(slots))
        # The first command of a frame has waited longest: one figure a commit.
        stamps.append(int(slots[0]["timestamp_ns"]))
        commits.append(reader.committed_ns)
        if len(stamps) == 1 << 16:
            delay.add(np.array(commits) - np.array(stamps))
            stamps.clear()
            commits.clear()
    if stamps:
        delay.add(np.array(commits) - np.array(stamps))
    return frames, delay, largest


def _events(view: JournalView, directory: Directory) -> dict[str, Any]:
    kinds = np.zeros(256, np.int64)
    cancels = np.zeros(256, np.int64)
    trade_reasons = np.zeros(256, np.int64)
    states = np.zeros(256, np.int64)
    rejects = np.zeros(256, np.int64)
    ids = 1 << 16
    trades = np.zeros(ids, np.int64)
    orders = np.zeros(ids, np.int64)
    volume = np.zeros(ids, np.int64)
    turnover: dict[int, int] = {}
    first = view.first_event
    end = first
    for events in view.events(first):
        kind = events["kind"]
        kinds += np.bincount(kind, minlength=256)
        cancels += np.bincount(events["reason"][kind == EventKind.CANCELED], minlength=256)
        refused = np.isin(kind, _REFUSALS)
        rejects += np.bincount(events["reason"][refused], minlength=256)
        entered = (kind == EventKind.ACCEPTED) | (kind == EventKind.REPLACED)
        orders += np.bincount(events["instrument"][entered], minlength=ids)
        states += np.bincount(events["display"][kind == EventKind.STATE_CHANGED], minlength=256)
        done = events[kind == EventKind.TRADE]
        trade_reasons += np.bincount(done["reason"], minlength=256)
        trades += np.bincount(done["instrument"], minlength=ids)
        np.add.at(volume, done["instrument"], done["quantity"])
        for instrument in np.unique(done["instrument"]):
            mine = done[done["instrument"] == instrument]
            # Python integers: a product fits 64 bits (price < 2^47, quantity <= 2^40) only alone.
            amount = sum(
                p * q
                for p, q in zip(mine["price"].tolist(), mine["quantity"].tolist(), strict=True)
            )
            turnover[int(instrument)] = turnover.get(int(instrument), 0) + amount
        end = int(events["sequence"][-1]) + 1
    return {
        "first_sequence": first,
        "next_sequence": end,
        "count": end - first,
        "by_kind": _by_code(kinds, EventKind),
        "cancels_by_reason": _by_code(cancels, CancelReason),
        "rejects_by_reason": _by_code(rejects, Reject),
        "trades_by_reason": _by_code(trade_reasons, TradeReason),
        "states_entered": _by_code(states, InstrumentState),
        "instruments": {
            directory.symbol(int(i)): {
                "orders": int(orders[i]),
                "trades": int(trades[i]),
                "volume": int(volume[i]),
                "turnover": directory.price(int(i), turnover.get(int(i), 0)),
            }
            for i in np.nonzero(orders | trades)[0]
        },
    }


def _by_code(counts: np.ndarray, enumeration: Any) -> dict[str, int]:
    return {code_name(enumeration, int(i)): int(counts[i]) for i in np.nonzero(counts)[0]}
