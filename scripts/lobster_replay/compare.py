"""Compares the exchange's events with the file: the book after every row, and whom fills hit."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import NamedTuple

import numpy as np

from exchange.codes import FLAG_LEVEL, EventKind, Side
from scripts.lobster_replay.book import ASK, BID
from scripts.lobster_replay.day import NO_PRICE, Day
from scripts.lobster_replay.plan import ALL_TRADES, Plan


class Mismatch(Exception):
    """The events do not belong to the messages that were sent."""


class Comparison(NamedTuple):
    rows: int
    rows_equal: int  # at all levels of the file, and explained by the messages alone
    rows_equal_by_level: list[int]  # for each number of levels from the top
    first_difference: str
    fills: int
    fills_hit: int  # hit the very order that the file names
    fills_named: int  # of orders that were entered with the file's id
    fills_named_hit: int


def compare(day: Day, plan: Plan, events: np.ndarray) -> Comparison:
    """Judge ``events`` (EVENT array: everything about the instrument from the first order on).

    Prices of the events are the file's (1/10,000). Raises Mismatch when the events are not those
    of the messages.
    """
    starts, ends = _groups(plan, events)
    row_ends = _row_ends(plan, starts, ends)
    books = _books(events, row_ends, day)
    wanted = day.book.copy()
    empty = wanted[:, 1::2] == 0
    wanted[:, 0::2][empty] = NO_PRICE  # whatever the sign
    same = (books == wanted).reshape(day.rows, day.levels, 4).all(axis=2)
    down_to = np.logical_and.accumulate(same, axis=1)
    explained = np.ones(day.rows, bool)
    explained[plan.unexplained_rows] = False
    equal = down_to[:, -1] & explained
    first = ""
    if not equal.all():
        row = int(np.argmin(equal))
        first = (
            f"row {row}: the file has {wanted[row].tolist()}, the exchange {books[row].tolist()}"
            + ("" if explained[row] else " (the file's messages do not explain this row)")
        )
    hits, named_hits, named = _hits(plan, events, starts)
    return Comparison(
        day.rows,
        int(equal.sum()),
        [int((down_to[:, level] & explained).sum()) for level in range(day.levels)],
        first,
        len(plan.fills),
        hits,
        named,
        named_hits,
    )


def row_ends(plan: Plan, events: np.ndarray) -> np.ndarray:
    """For each row of the file how many of ``events`` make the book that it shows."""
    starts, ends = _groups(plan, events)
    return _row_ends(plan, starts, ends)


def tokens_of(events: np.ndarray) -> np.ndarray:
    """The order tokens of ``events``: S14, without the padding."""
    raw = np.ascontiguousarray(events).view(np.uint8).reshape(len(events), -1)
    return np.char.rstrip(np.ascontiguousarray(raw[:, 64:78]).view("S14").ravel())


def _groups(plan: Plan, events: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the events of each message start and end; checks that they are that message's."""
    commands = events["command_sequence"]
    starts = np.append(0, np.nonzero(np.diff(commands))[0] + 1)
    ends = np.append(starts[1:], len(events))
    count = len(plan.messages)
    if len(starts) < count:
        raise Mismatch(f"{count} messages were sent, {len(starts)} had events")
    starts, ends = starts[:count], ends[:count]
    firsts = events[starts]
    sent = np.array([message.token.encode() for message in plan.messages], "S14")
    wrong = tokens_of(firsts) != sent
    is_cancel = np.array([message.price < 0 for message in plan.messages])
    wrong |= firsts["kind"] != np.where(is_cancel, EventKind.CANCELED, EventKind.ACCEPTED)
    if wrong.any():
        at = int(np.argmax(wrong))
        kind = EventKind(int(firsts["kind"][at])).name
        raise Mismatch(
            f"message {at} {plan.messages[at]}: the exchange's event is {kind} of"
            f" {tokens_of(firsts[at : at + 1])[0]!r}, reason {firsts['reason'][at]}"
        )
    return starts, ends


def _row_ends(plan: Plan, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """How many events there are up to the end of each row."""
    if not len(starts):
        return np.zeros(len(plan.row_message), np.int64)
    message = np.maximum(plan.row_message, 0)
    # an aggressor's events: ACCEPTED, then its trades
    result = np.where(
        plan.row_trade == ALL_TRADES, ends[message], starts[message] + 1 + plan.row_trade
    )
    result[plan.row_message < 0] = 0
    return result


def _books(events: np.ndarray, row_ends: np.ndarray, day: Day) -> np.ndarray:
    """The book after every row from the events' level fields: as ``day.book``, dummies positive."""
    levels = day.levels
    quantities: tuple[dict[int, int], dict[int, int]] = ({}, {})
    keys: tuple[list[int], list[int]] = ([], [])
    out = np.empty((day.rows, 4 * levels), np.int64)
    current = np.empty(4 * levels, np.int64)
    current[0::2], current[1::2] = NO_PRICE, 0
    names = ("flags", "side", "price", "level_quantity")
    columns = [events[name].tolist() for name in names]
    rows = list(zip(*columns, strict=True))
    at = 0
    for row, end in enumerate(row_ends.tolist()):
        touched = [False, False]
        for flags, side_code, price, quantity in rows[at:end]:
            if not flags & FLAG_LEVEL:
                continue
            side = BID if side_code == Side.BUY else ASK
            key = price if side == ASK else -price
            of = quantities[side]
            if quantity == 0:
                if of.pop(key, None) is not None:
                    del keys[side][bisect_left(keys[side], key)]
            else:
                if key not in of:
                    insort(keys[side], key)
                of[key] = quantity
            touched[side] |= len(keys[side]) <= levels or key <= keys[side][levels]
        at = max(at, end)
        for side in (BID, ASK):
            if touched[side]:
                top = keys[side][:levels]
                column = 0 if side == ASK else 2
                prices = [key if side == ASK else -key for key in top]
                missing = levels - len(top)
                current[column::4] = prices + [NO_PRICE] * missing
                current[column + 1 :: 4] = [quantities[side][key] for key in top] + [0] * missing
        out[row] = current
    return out


def _hits(plan: Plan, events: np.ndarray, starts: np.ndarray) -> tuple[int, int, int]:
    """Fills whose every trade hit the order that the file names; of those, with known id."""
    makers = tokens_of(events).tolist()
    kinds = events["kind"].tolist()
    hits = named_hits = named = 0
    for fill in plan.fills:
        first = int(starts[fill.message]) + 1 + fill.first_trade
        end = int(starts[fill.message]) + 1 + fill.end_trade
        hit = all(kind == EventKind.TRADE for kind in kinds[first:end])
        if fill.token:
            hit = hit and set(makers[first:end]) == {fill.token.encode()}
            named += 1
            named_hits += hit
        else:
            # an order of before the file's view: one of the anonymous ones stands for it
            hit = hit and all(token.startswith(b"A") for token in makers[first:end])
        hits += hit
    return hits, named_hits, named
