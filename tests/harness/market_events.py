"""Released events made by hand, as the market model and the feed take them.

Who uses it: tests of what follows events and needs no matcher. Numbers events from 0 on; what it
says about levels and trades is up to the test.
"""

from __future__ import annotations

import numpy as np

from exchange.codes import FLAG_LEVEL, EventKind, InstrumentState, Side
from exchange.records import EVENT

START_NS = 1_795_000_000_000_000_000
SYMBOLS = ("2330.TW", "AAPL")


def word(text: str) -> int:
    """A symbol or currency code as the events carry it."""
    return int.from_bytes(text.encode().ljust(8), "little")


class MarketEvents:
    """Collects events; ``take`` hands them out as one array."""

    def __init__(self, now_ns: int = START_NS) -> None:
        self.sequence = 0
        self.now_ns = now_ns
        self._rows: list[np.ndarray] = []

    def add(self, kind: EventKind, **fields: int) -> int:
        """Add an event. Returns its sequence."""
        row = np.zeros(1, EVENT)
        row["sequence"] = row["command_sequence"] = self.sequence
        row["timestamp_ns"] = self.now_ns
        row["kind"] = kind
        for name, value in fields.items():
            row[name] = value
        self._rows.append(row)
        self.sequence += 1
        return self.sequence - 1

    def take(self) -> np.ndarray:
        """Everything added since the last call."""
        rows, self._rows = self._rows, []
        octets = b"".join(row.tobytes() for row in rows)
        return np.frombuffer(bytearray(octets), EVENT)

    def open_market(self, symbols: tuple[str, ...] = SYMBOLS) -> None:
        """A currency, instruments 1, 2, ... and the start of a day."""
        self.add(EventKind.ACCOUNT_DEFINED, account=1)
        self.add(EventKind.CURRENCY_DEFINED, currency=1, token_0=word("TWD"), display=2, account=1)
        for i, symbol in enumerate(symbols, start=1):
            self.add(
                EventKind.INSTRUMENT_DEFINED,
                instrument=i,
                token_0=word(symbol),
                price=1,
                quantity=1,
                display=2,
                level_quantity=1,
                contra_order_id=1_000_000,
                remaining=1_000_000,
                currency=1,
            )
        self.add(EventKind.DAY_STARTED, quantity=self.now_ns, price=20261121)

    def level(self, side: Side, price: int, quantity: int, instrument: int = 1) -> int:
        """A price level's new quantity; 0: it is gone."""
        return self.add(
            EventKind.LEVEL,
            instrument=instrument,
            side=side,
            price=price,
            level_quantity=quantity,
            level_orders=1 if quantity else 0,
            flags=FLAG_LEVEL,
        )

    def trade(
        self, price: int, quantity: int, aggressor: Side = Side.BUY, instrument: int = 1
    ) -> int:
        """A trade; it says nothing about a level."""
        return self.add(
            EventKind.TRADE,
            instrument=instrument,
            price=price,
            quantity=quantity,
            order_id=1,
            contra_order_id=2,
            side=Side.SELL if aggressor == Side.BUY else Side.BUY,
            contra_side=aggressor,
        )

    def halt(self, until_ns: int = 0, instrument: int = 1) -> int:
        """A halt until a time, or until told."""
        return self.add(
            EventKind.STATE_CHANGED,
            instrument=instrument,
            display=InstrumentState.HALTED,
            quantity=until_ns,
        )
