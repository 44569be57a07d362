"""The session's own messages as event records: what a client alone can know of the book.

For an exchange whose archive is not at hand (``--host``), and as a second witness beside it. Only
this session trades the instrument, so its acknowledgements, executions and cancels are the book.
"""

from __future__ import annotations

import numpy as np

from exchange.codes import FLAG_LEVEL, TIME_IN_FORCE_IMMEDIATE, EventKind, Reject, Side
from exchange.records import EVENT
from scripts.lobster_replay.plan import Plan


class _Order:
    __slots__ = ("is_resting", "open", "price", "side")

    def __init__(self, side: int, price: int, quantity: int, is_resting: bool) -> None:
        self.side = side
        self.price = price
        self.open = quantity
        self.is_resting = is_resting


def events_of(messages: list[bytes], plan: Plan) -> np.ndarray:
    """OUCH messages of the session as EVENT records with level fields; the rest stays 0.

    ``command_sequence`` is the number of the plan's message that caused it.
    """
    out: list[tuple[int, int, int, int, int, int, bytes]] = []
    orders: dict[bytes, _Order] = {}
    levels: dict[tuple[int, int], int] = {}

    def change(order: _Order, difference: int) -> int:
        key = (order.side, order.price)
        levels[key] = levels.get(key, 0) + difference
        return levels[key]

    command = -1
    for message in messages:
        letter, token = message[:1], message[9:23]
        if letter == b"A":
            command += 1
            side = Side.BUY if message[23:24] == b"B" else Side.SELL
            quantity = int.from_bytes(message[24:28], "big")
            price = int.from_bytes(message[36:40], "big")
            rests = int.from_bytes(message[40:44], "big") != TIME_IN_FORCE_IMMEDIATE
            order = orders[token] = _Order(side, price, quantity, rests)
            level = change(order, quantity) if rests else 0
            flags = FLAG_LEVEL if rests else 0
            out.append((command, EventKind.ACCEPTED, side, flags, price, level, token))
        elif letter == b"E":
            order = orders[token]
            quantity = int.from_bytes(message[23:27], "big")
            order.open -= quantity
            if message[31:32] == b"A":
                level = change(order, -quantity)
                out.append(
                    (command, EventKind.TRADE, order.side, FLAG_LEVEL, order.price, level, token)
                )
        elif letter == b"C":
            order = orders[token]
            quantity = int.from_bytes(message[23:27], "big")
            order.open -= quantity
            level, flags = 0, 0
            if order.is_resting:
                command += 1
                level, flags = change(order, -quantity), FLAG_LEVEL
            out.append((command, EventKind.CANCELED, order.side, flags, order.price, level, token))
        elif letter == b"J":
            command += 1
            reason = Reject.NONE
            out.append((command, EventKind.REJECTED, 0, reason, 0, 0, token))
    events = np.zeros(len(out), EVENT)
    if out:
        numbers = np.array([row[:6] for row in out], np.int64)
        names = ("command_sequence", "kind", "side", "flags", "price", "level_quantity")
        for column, name in enumerate(names):
            events[name] = numbers[:, column]
        tokens = np.frombuffer(b"".join(row[6] for row in out), np.uint8).reshape(-1, 14)
        events.view(np.uint8).reshape(len(out), -1)[:, 64:78] = tokens
    return events
