"""Which records of a journal are meant: ranges by sequence or time, filters by name or kind.

Who uses it: ``show`` and ``export``. Masks are numpy expressions over whole chunks; the records
they leave are turned into text one at a time.

A CANCEL, REPLACE or MODIFY names an order by its token only, so whether it concerns an instrument
or an order id is seen in the events that it caused. One that the matcher ignored caused none and
is found by session, kind or sequence.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

import numpy as np

from exchange.codes import CommandKind, EventKind
from replay.source import CommandChunk, JournalView

# Commands whose price is an order id, events whose contra_order_id is another order.
_BY_ORDER_ID = (
    CommandKind.CANCEL_BY_ORDER_ID,
    CommandKind.MODIFY_BY_ORDER_ID,
    CommandKind.REVIEW,
)
_NAME_TWO_ORDERS = (EventKind.TRADE, EventKind.REPLACED, EventKind.SELF_TRADE_PREVENTED)

Chunk = TypeVar("Chunk", np.ndarray, CommandChunk)


@dataclass
class Selection:
    """A range (both ends inclusive, ``None`` = open) and filters; an empty filter lets all pass."""

    first: int | None = None
    last: int | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    tail: int | None = None  # of those that pass the filters, only the last so many
    instrument: int | None = None
    session: int | None = None
    order_id: int | None = None
    kinds: set[int] = field(default_factory=set)

    def event_range(self, view: JournalView) -> tuple[int, int]:
        """First event sequence and the one after the last, inside what the archive has."""
        return self._range(view.first_event, view.next_event, view.event_at_time)

    def command_range(self, view: JournalView) -> tuple[int, int]:
        """First command sequence and the one after the last, inside what the journal has."""
        return self._range(view.first_command, view.next_command, view.command_at_time)

    def _range(self, lowest: int, end: int, at_time) -> tuple[int, int]:  # type: ignore[no-untyped-def]
        first = lowest if self.first is None else max(lowest, self.first)
        if self.last is not None:
            end = min(end, self.last + 1)
        if self.since_ns is not None:
            first = max(first, at_time(self.since_ns))
        if self.until_ns is not None:
            end = min(end, at_time(self.until_ns + 1))
        return first, max(first, end)

    def event_mask(self, events: np.ndarray) -> np.ndarray:
        """Which of ``events`` (EVENT array) pass the filters: bool array."""
        mask = np.ones(len(events), np.bool_)
        if self.kinds:
            mask &= np.isin(events["kind"], sorted(self.kinds))
        mask &= self._concerned(events)
        return mask

    def _concerned(self, events: np.ndarray) -> np.ndarray:
        mask = np.ones(len(events), np.bool_)
        trade = events["kind"] == EventKind.TRADE
        if self.instrument is not None:
            mask &= events["instrument"] == self.instrument
        if self.session is not None:
            mask &= (events["session"] == self.session) | (
                trade & (events["contra_session"] == self.session)
            )
        if self.order_id is not None:
            both = np.isin(events["kind"], _NAME_TWO_ORDERS)
            mask &= (events["order_id"] == self.order_id) | (
                both & (events["contra_order_id"] == self.order_id)
            )
        return mask

    def command_mask(self, chunk: CommandChunk, view: JournalView) -> np.ndarray:
        """Which of the chunk's commands pass the filters: bool array, one per command."""
        commands = chunk.commands
        mask = np.ones(len(commands), np.bool_)
        if self.kinds:
            mask &= np.isin(commands["kind"], sorted(self.kinds))
        if self.session is not None:
            mask &= commands["session"] == self.session
        if self.instrument is not None or self.order_id is not None:
            mask &= self._caused(chunk, view)
        return mask

    def _caused(self, chunk: CommandChunk, view: JournalView) -> np.ndarray:
        """Commands that name the instrument or order, or that caused an event that does."""
        commands = chunk.commands
        named = np.ones(len(commands), np.bool_)
        if self.instrument is not None:
            named &= commands["instrument"] == self.instrument
        if self.order_id is not None:
            named &= (chunk.sequences == self.order_id) | (
                np.isin(commands["kind"], _BY_ORDER_ID) & (commands["price"] == self.order_id)
            )
        if len(commands) == 0:
            return named
        first = view.event_of_command(int(chunk.sequences[0]))
        end = view.event_of_command(int(chunk.sequences[-1]) + 1)
        # The session filter is about who sent the command, not about whose order it hit.
        concerned = Selection(instrument=self.instrument, order_id=self.order_id)
        for events in view.events(first, end):
            hits = events["command_sequence"][concerned._concerned(events)]
            named |= np.isin(chunk.sequences, np.unique(hits))
        return named


def selected_events(view: JournalView, selection: Selection) -> Iterator[np.ndarray]:
    """The selected events, chunk by chunk (EVENT arrays, never empty)."""
    first, end = selection.event_range(view)

    def chunks() -> Iterator[np.ndarray]:
        for events in view.events(first, end):
            mask = selection.event_mask(events)
            if mask.any():
                yield events[mask]

    if selection.tail is None:
        yield from chunks()
    else:
        yield from _last(chunks(), selection.tail, lambda part, skip: part[skip:])


def selected_commands(view: JournalView, selection: Selection) -> Iterator[CommandChunk]:
    """The selected commands, chunk by chunk."""
    first, end = selection.command_range(view)

    def chunks() -> Iterator[CommandChunk]:
        for chunk in view.commands(first, end):
            mask = selection.command_mask(chunk, view)
            if mask.any():
                yield chunk.where(mask)

    if selection.tail is None:
        yield from chunks()
    else:
        yield from _last(
            chunks(), selection.tail, lambda part, skip: part._replace(starts=part.starts[skip:])
        )


def _size(chunk: np.ndarray | CommandChunk) -> int:
    return len(chunk.starts) if isinstance(chunk, CommandChunk) else len(chunk)


def _last(
    chunks: Iterator[Chunk], count: int, without: Callable[[Chunk, int], Chunk]
) -> Iterator[Chunk]:
    """Only the last ``count`` records of ``chunks``; holds no more chunks than they need.

    ``without(chunk, n)``: the chunk without its first n records.
    """
    held: deque[Chunk] = deque()
    total = 0
    for chunk in chunks:
        held.append(chunk)
        total += _size(chunk)
        while total - _size(held[0]) >= count:
            total -= _size(held.popleft())
    if held and total > count:
        held[0] = without(held[0], total - count)
    yield from held


def parse_time(text: str) -> int:
    """Nanoseconds since the epoch of an ISO 8601 time (UTC if it names no zone) or of a number.

    Raises ValueError.
    """
    if text.isdecimal():
        return int(text)
    head, dot, tail = text.removesuffix("Z").partition(".")
    digits = ""
    if dot:
        digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
        head += tail[len(digits) :]
    moment = datetime.fromisoformat(head)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since_epoch = moment - datetime(1970, 1, 1, tzinfo=UTC)
    seconds = since_epoch.days * 86_400 + since_epoch.seconds
    return seconds * 1_000_000_000 + int((digits + "000000000")[:9])
