"""The naive exchange's output: the bytes of its events, laid out by hand.

The layout is that of ``exchange/records.py``; no code is shared with the engine.
"""

from __future__ import annotations

import struct

from exchange.codes import FLAG_LEVEL, EventKind
from tests.model.naive.book import MARKET, STOP, Book, Order, book_side
from tests.model.naive.chain import new_chain
from tests.model.naive.command import Command, Continuation

CHECKPOINT_INTERVAL_EVENTS = 4096
NO_TOKEN = bytes(14)

# One event, 128 bytes. The second form is for ACCEPTED and REPLACED, whose time in force and
# minimum quantity lie where the others have `remaining`, and firm where they have
# `contra_session_sequence`; the third for events about no order, and SELF_TRADE_PREVENTED.
_EVENT = struct.Struct("<7q2I14s2H6Bq q 14sHI4B")
_ENTRY_EVENT = struct.Struct("<7q2I14s2H6Bq2I14sHI4B")
_OTHER_EVENT = struct.Struct("<7q2I14s2H6Bq q q 6xHI4B")
assert _EVENT.size == _ENTRY_EVENT.size == _OTHER_EVENT.size == 128


class EventWriter:
    """What the events of one command are made of: numbers that go on, the books, the hash chain."""

    def __init__(self) -> None:
        self.books: dict[int, Book] = {}
        self.session_numbers: dict[int, int] = {}  # session id -> messages reported today
        self.next_event = 0
        self.events_at_checkpoint = 0  # events up to and including the last CHECKPOINT
        self.chain = new_chain()
        self.sequence = 0
        self.timestamp_ns = 0
        self.events: list[bytes] = []

    def next_number(self, session: int) -> int:
        """Count a message that order entry reports to ``session``."""
        number = self.session_numbers[session] + 1
        self.session_numbers[session] = number
        return number

    def emit(
        self,
        kind: int,
        *,
        order_id: int = 0,
        price: int = 0,
        quantity: int = 0,
        level_quantity: int = 0,
        level_orders: int = 0,
        session_sequence: int = 0,
        token: bytes = NO_TOKEN,
        instrument: int = 0,
        session: int = 0,
        side: int = 0,
        reason: int = 0,
        flags: int = 0,
        display: int = 0,
        order_type: int = 0,
        contra_order_id: int = 0,
        remaining: int = 0,
        prevented: int = 0,
        currency: int = 0,
        account: int = 0,
        group: int = 0,
        liquidity: int = 0,
        parameter: int = 0,
        scope: int = 0,
    ) -> None:
        """An event of any kind but ACCEPTED, REPLACED and TRADE."""
        self.events.append(
            _OTHER_EVENT.pack(
                self.next_event,
                self.sequence,
                self.timestamp_ns,
                order_id,
                price,
                quantity,
                level_quantity,
                level_orders,
                session_sequence,
                token,
                instrument,
                session,
                kind,
                side,
                reason,
                flags,
                display,
                order_type,
                contra_order_id,
                remaining,
                prevented,
                currency,
                account,
                0,
                group or liquidity,
                parameter,
                scope,
            )
        )
        self.next_event += 1

    def emit_order(
        self,
        kind: int,
        order: Order,
        quantity: int,
        *,
        price: int | None = None,
        reason: int = 0,
        remaining: int = 0,
        contra_order_id: int = 0,
        prevented: int = 0,
        liquidity: int = 0,
        with_level: bool,
        reported: bool = True,
    ) -> None:
        """An event about one order, at the order's price unless another is given.

        ``with_level``: it carries the totals of the order's level, unless the order is on none
        because it waits or is held.
        """
        level_quantity = level_orders = flags = 0
        if with_level and not order.waiting and not order.held:
            flags = FLAG_LEVEL
            book = self.books[order.instrument]
            level_quantity, level_orders = book.level(book_side(order.side), order.price)
        self.emit(
            kind,
            order_id=order.order_id,
            price=order.price if price is None else price,
            quantity=quantity,
            level_quantity=level_quantity,
            level_orders=level_orders,
            session_sequence=self.next_number(order.session) if reported else 0,
            token=order.token,
            instrument=order.instrument,
            session=order.session,
            side=order.side,
            reason=reason,
            flags=flags,
            display=order.display,
            order_type=order.order_type,
            contra_order_id=contra_order_id,
            remaining=remaining,
            prevented=prevented,
            liquidity=liquidity,
        )

    def emit_entry(self, kind: int, order: Order, replaced: Order | None, rests: bool) -> None:
        """ACCEPTED or REPLACED; with the level fields if the order has joined its level."""
        level_quantity = level_orders = flags = 0
        if rests:
            flags = FLAG_LEVEL
            book = self.books[order.instrument]
            level_quantity, level_orders = book.level(book_side(order.side), order.price)
        self.events.append(
            _ENTRY_EVENT.pack(
                self.next_event,
                self.sequence,
                self.timestamp_ns,
                order.order_id,
                0 if order.order_type in (MARKET, STOP) else order.price,
                order.open,
                level_quantity,
                level_orders,
                self.next_number(order.session),
                order.token,
                order.instrument,
                order.session,
                kind,
                order.side,
                0,
                flags,
                order.display,
                order.order_type,
                replaced.order_id if replaced is not None else 0,
                order.time_in_force,
                order.minimum_quantity,
                replaced.token if replaced is not None else NO_TOKEN,
                0,
                order.firm,
                0,
                order.capacity,
                order.intermarket_sweep,
                order.cross_type,
            )
        )
        self.next_event += 1

    def emit_trade(
        self,
        maker: Order,
        aggressor: Order,
        quantity: int,
        *,
        price: int | None = None,
        reason: int = 0,
    ) -> None:
        """A TRADE at the maker's price with the level's totals; or at an auction's, without."""
        level_quantity = level_orders = flags = 0
        if price is None:
            price, flags = maker.price, FLAG_LEVEL
            book = self.books[maker.instrument]
            level_quantity, level_orders = book.level(book_side(maker.side), price)
        maker_number = self.next_number(maker.session)
        aggressor_number = self.next_number(aggressor.session)
        self.events.append(
            _EVENT.pack(
                self.next_event,
                self.sequence,
                self.timestamp_ns,
                maker.order_id,
                price,
                quantity,
                level_quantity,
                level_orders,
                maker_number,
                maker.token,
                maker.instrument,
                maker.session,
                int(EventKind.TRADE),
                maker.side,
                reason,
                flags,
                maker.display,
                maker.order_type,
                aggressor.order_id,
                maker.open,
                aggressor.token,
                aggressor.session,
                aggressor_number,
                aggressor.side,
                0,
                0,
                0,
            )
        )
        self.next_event += 1

    def reject(
        self, command: Command, reason: int, *, token: bytes, instrument: int, side: int
    ) -> None:
        self.emit(
            EventKind.REJECTED,
            order_id=self.sequence,
            price=command.price,
            quantity=command.quantity,
            session_sequence=self.next_number(command.session),
            token=token,
            instrument=instrument,
            session=command.session,
            side=side,
            reason=reason,
            display=command.display,
            order_type=command.order_type,
        )

    def refuse_control(
        self, command: Command, reason: int, operators: Continuation | None = None
    ) -> None:
        """CONTROL_REJECTED; of an operator's command with its key, kind, account and currency."""
        if operators is None:
            self.emit(
                EventKind.CONTROL_REJECTED,
                instrument=command.instrument,
                session=command.session,
                reason=reason,
            )
        else:
            self.emit(
                EventKind.CONTROL_REJECTED,
                instrument=command.instrument,
                session=command.session,
                reason=reason,
                token=command.token,
                order_type=command.kind,
                account=operators.account,
                currency=operators.currency,
            )

    def close_command(self) -> None:
        """All events of a command are there: hash them, with a CHECKPOINT from time to time."""
        if self.events:
            self.chain.update(b"".join(self.events))
            if self.next_event - self.events_at_checkpoint >= CHECKPOINT_INTERVAL_EVENTS:
                self.checkpoint()

    def checkpoint(self) -> None:
        digest = self.chain.intdigest()
        signed = digest - (1 << 64) if digest >= 1 << 63 else digest
        self.emit(EventKind.CHECKPOINT, price=signed, quantity=self.next_event)
        self.chain.update(self.events[-1])
        self.events_at_checkpoint = self.next_event
