"""The naive exchange: the trading rules of ``docs/matching.md`` in plain Python.

The independent twin of the matcher. It shares no code with the engine: dictionaries, sorted lists
and loops instead of pools, bitmaps and hash tables. Commands go in one at a time, the bytes of the
events come out, laid out by hand from ``exchange/records.py``. Clarity goes before speed.

The only rule it does not model is LEVEL_POOL_FULL, which depends on the engine's pools.
"""

from __future__ import annotations

import struct
from bisect import bisect_left, insort
from typing import NamedTuple

import numpy as np
import xxhash

from exchange.codes import (
    CAPACITY_CODES,
    CROSS_NONE,
    DISPLAY_CODES,
    DISPLAY_POST_ONLY,
    FLAG_LEVEL,
    TIME_IN_FORCE_MAXIMUM_SECONDS,
    TIME_IN_FORCE_SYSTEM_HOURS,
    CancelReason,
    CommandKind,
    EventKind,
    OrderType,
    Reject,
    Side,
    SystemEvent,
)

CHECKPOINT_INTERVAL_EVENTS = 4096
TIMER_CANCELS_MAXIMUM = 4096
SECOND_NS = 1_000_000_000
NO_TOKEN = bytes(14)
PRINTABLE = frozenset(range(0x20, 0x7F))

# One event, 128 bytes. The second form is for ACCEPTED and REPLACED, whose time in force and
# minimum quantity lie where the others have `remaining`, and firm where they have
# `contra_session_sequence`.
_EVENT = struct.Struct("<7q2I14s2H6Bq q 14sHI4B")
_ENTRY_EVENT = struct.Struct("<7q2I14s2H6Bq2I14sHI4B")
assert _EVENT.size == _ENTRY_EVENT.size == 128

# Plain ints instead of enum members: the members cost a third of the running time.
BUY, LIMIT, MARKET = int(Side.BUY), int(OrderType.LIMIT), int(OrderType.MARKET)
BID, ASK = 0, 1

# The fields of a command that mean something to the exchange, at their offsets in the record, with
# the token as 14 bytes. In a continuation slot `token` is the replacement token, and timestamp_ns,
# price and quantity are an instrument's minimum_price, maximum_price and maximum_quantity.
COMMAND_VIEW = np.dtype(
    {
        "names": [
            "timestamp_ns",
            "price",
            "quantity",
            "token",
            "instrument",
            "session",
            "kind",
            "side",
            "time_in_force",
            "minimum_quantity",
            "firm",
            "display",
            "capacity",
            "intermarket_sweep",
            "cross_type",
            "flags",
            "reject",
            "order_type",
        ],
        "formats": (
            ["<i8", "<i8", "<i8", "V14", "<u2", "<u2", "u1", "u1", "<u4", "<u4", "<u4"] + ["u1"] * 7
        ),
        "offsets": [0, 8, 16, 24, 38, 40, 42, 43, 44, 48, 52, 56, 57, 58, 59, 61, 62, 63],
        "itemsize": 64,
    }
)


class Command(NamedTuple):
    """One slot of the command stream as Python values."""

    timestamp_ns: int
    price: int
    quantity: int
    token: bytes
    instrument: int
    session: int
    kind: int
    side: int
    time_in_force: int
    minimum_quantity: int
    firm: int
    display: int
    capacity: int
    intermarket_sweep: int
    cross_type: int
    flags: int
    reject: int
    order_type: int


class Capacities(NamedTuple):
    """The bounds that the rules mention."""

    instruments: int  # ids 1 .. instruments - 1
    sessions: int  # ids 1 .. sessions - 1
    orders: int  # live orders
    tokens: int  # tokens consumed in one day by all sessions


class Instrument(NamedTuple):
    tick: int
    lot: int
    minimum_price: int
    maximum_price: int
    maximum_quantity: int
    price_decimals: int = 4


class Order:
    __slots__ = (
        "capacity",
        "cross_type",
        "display",
        "executed",
        "expiry_second",
        "firm",
        "instrument",
        "intermarket_sweep",
        "minimum_quantity",
        "open",
        "order_id",
        "order_type",
        "price",
        "session",
        "side",
        "time_in_force",
        "token",
    )

    order_id: int
    instrument: int
    session: int
    token: bytes
    side: int
    display: int
    order_type: int
    price: int
    open: int
    executed: int
    time_in_force: int
    minimum_quantity: int
    firm: int
    capacity: int
    intermarket_sweep: int
    cross_type: int
    expiry_second: int


class Level:
    """The orders resting at one price, oldest first (a dict keeps the order of insertion)."""

    __slots__ = ("orders", "quantity")

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.quantity = 0


class Book:
    """One instrument: for bids and asks the levels by price, and the prices in rising order."""

    __slots__ = ("levels", "prices")

    def __init__(self) -> None:
        self.levels: tuple[dict[int, Level], dict[int, Level]] = ({}, {})
        self.prices: tuple[list[int], list[int]] = ([], [])

    def best(self, side: int) -> int | None:
        prices = self.prices[side]
        if not prices:
            return None
        return prices[-1] if side == BID else prices[0]

    def add(self, side: int, order: Order) -> None:
        level = self.levels[side].get(order.price)
        if level is None:
            level = self.levels[side][order.price] = Level()
            insort(self.prices[side], order.price)
        level.orders[order.order_id] = order
        level.quantity += order.open

    def reduce(self, side: int, order: Order, quantity: int) -> None:
        """Take ``quantity`` off a resting order; at 0 it leaves, and with it an empty level."""
        level = self.levels[side][order.price]
        order.open -= quantity
        level.quantity -= quantity
        if order.open == 0:
            self.remove(side, order)

    def remove(self, side: int, order: Order) -> None:
        level = self.levels[side][order.price]
        level.quantity -= order.open
        del level.orders[order.order_id]
        if not level.orders:
            del self.levels[side][order.price]
            prices = self.prices[side]
            del prices[bisect_left(prices, order.price)]

    def level(self, side: int, price: int) -> tuple[int, int]:
        """Total quantity and number of orders at a price."""
        level = self.levels[side].get(price)
        return (level.quantity, len(level.orders)) if level is not None else (0, 0)


def book_side(side: int) -> int:
    return BID if side == BUY else ASK


def is_acceptable(side: int, order_type: int, limit: int, price: int) -> bool:
    """Whether an aggressor may trade at ``price``."""
    if order_type == MARKET:
        return True
    return price <= limit if side == BUY else price >= limit


def is_valid_token(token: bytes) -> bool:
    return PRINTABLE.issuperset(token) and not token.isspace()


class NaiveExchange:
    """All trading state. ``apply`` takes one command and returns its events' bytes."""

    def __init__(self, capacities: Capacities) -> None:
        self.capacities = capacities
        self.instruments: dict[int, Instrument] = {}
        self.books: dict[int, Book] = {}
        self.session_numbers: dict[int, int] = {}  # session id -> messages reported today
        self.used_tokens: set[tuple[int, bytes]] = set()
        self.live: dict[tuple[int, bytes], Order] = {}
        self.live_by_id: dict[int, Order] = {}
        self.good_till_time: dict[int, Order] = {}
        self.day_open = False
        self.midnight_ns = 0
        self.day_number = 0
        self.next_event = 0
        self.events_at_checkpoint = 0  # events up to and including the last CHECKPOINT
        self.chain = xxhash.xxh64(seed=0)
        self.sequence = 0
        self.timestamp_ns = 0
        self.events: list[bytes] = []
        self.handlers = {
            int(CommandKind.ENTER): self.enter,
            int(CommandKind.CANCEL): self.cancel,
            int(CommandKind.REPLACE): self.replace,
            int(CommandKind.MODIFY): self.modify,
            int(CommandKind.TIMER): self.timer,
            int(CommandKind.START_OF_DAY): self.start_of_day,
            int(CommandKind.END_OF_DAY): self.end_of_day,
            int(CommandKind.INSTRUMENT): self.define_instrument,
            int(CommandKind.SESSION): self.define_session,
            int(CommandKind.CANCEL_BY_ORDER_ID): self.cancel_by_order_id,
        }

    def apply(self, sequence: int, command: Command, continuation: Command | None) -> list[bytes]:
        """Apply the command at ``sequence``; ``continuation`` is the second slot of a long one."""
        self.sequence = sequence
        self.timestamp_ns = command.timestamp_ns
        self.events = events = []
        handler = self.handlers.get(command.kind)
        if handler is None:
            self.refuse_control(command, Reject.UNKNOWN_COMMAND)
        else:
            handler(command, continuation)
        if events:
            self.chain.update(b"".join(events))
            if self.next_event - self.events_at_checkpoint >= CHECKPOINT_INTERVAL_EVENTS:
                self.checkpoint()
        return events

    # Emitting ------------------------------------------------------------------------------------

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
    ) -> None:
        self.events.append(
            _EVENT.pack(
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
                NO_TOKEN,
                0,
                0,
                0,
                0,
                0,
                0,
            )
        )
        self.next_event += 1

    def emit_order(
        self,
        kind: int,
        order: Order,
        quantity: int,
        *,
        reason: int = 0,
        remaining: int = 0,
        with_level: bool,
        reported: bool = True,
    ) -> None:
        """CANCELED, MODIFIED, RESTED or REMOVED: an event about one order at its price."""
        level_quantity = level_orders = flags = 0
        if with_level:
            flags = FLAG_LEVEL
            book = self.books[order.instrument]
            level_quantity, level_orders = book.level(book_side(order.side), order.price)
        self.emit(
            kind,
            order_id=order.order_id,
            price=order.price,
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
            remaining=remaining,
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
                order.price,
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

    def emit_trade(self, maker: Order, aggressor: Order, quantity: int) -> None:
        book = self.books[maker.instrument]
        level_quantity, level_orders = book.level(book_side(maker.side), maker.price)
        maker_number = self.next_number(maker.session)
        aggressor_number = self.next_number(aggressor.session)
        self.events.append(
            _EVENT.pack(
                self.next_event,
                self.sequence,
                self.timestamp_ns,
                maker.order_id,
                maker.price,
                quantity,
                level_quantity,
                level_orders,
                maker_number,
                maker.token,
                maker.instrument,
                maker.session,
                int(EventKind.TRADE),
                maker.side,
                0,
                FLAG_LEVEL,
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

    def refuse_control(self, command: Command, reason: int) -> None:
        self.emit(
            EventKind.CONTROL_REJECTED,
            instrument=command.instrument,
            session=command.session,
            reason=reason,
        )

    def checkpoint(self) -> None:
        digest = self.chain.intdigest()
        signed = digest - (1 << 64) if digest >= 1 << 63 else digest
        self.emit(EventKind.CHECKPOINT, price=signed, quantity=self.next_event)
        self.chain.update(self.events[-1])
        self.events_at_checkpoint = self.next_event

    # Orders --------------------------------------------------------------------------------------

    def enter(self, command: Command, _: Command | None) -> None:
        if command.session not in self.session_numbers:
            return
        token, key = command.token, (command.session, command.token)
        reason: int
        if not is_valid_token(token):
            reason = Reject.INVALID_TOKEN
        elif key in self.used_tokens:
            return
        elif len(self.used_tokens) >= self.capacities.tokens:
            reason = Reject.TOKEN_TABLE_FULL
        else:
            self.used_tokens.add(key)
            reason = self.check_enter(command)
        if reason:
            self.reject(
                command, reason, token=token, instrument=command.instrument, side=command.side
            )
            return
        order = self.new_order(command, token)
        order.instrument = command.instrument
        order.side = command.side
        order.open = command.quantity
        order.executed = 0
        order.firm = command.firm
        order.capacity = command.capacity
        order.cross_type = command.cross_type
        self.take_in(EventKind.ACCEPTED, order, None)

    def check_enter(self, command: Command) -> int:
        """The first field check of ENTER that fails, or 0."""
        if command.reject:
            return command.reject
        if not self.day_open:
            return Reject.MARKET_CLOSED
        instrument = self.instruments.get(command.instrument)
        if instrument is None:
            return Reject.UNKNOWN_INSTRUMENT
        if command.side > Side.SELL_SHORT_EXEMPT:
            return Reject.INVALID_SIDE
        if command.order_type > MARKET or command.time_in_force > TIME_IN_FORCE_SYSTEM_HOURS:
            return Reject.INVALID_TIME_IN_FORCE
        if command.display not in DISPLAY_CODES:
            return Reject.INVALID_DISPLAY
        if command.capacity not in CAPACITY_CODES:
            return Reject.INVALID_CAPACITY
        if command.cross_type not in CROSS_NONE:
            return Reject.CROSS_NOT_SUPPORTED
        if command.quantity <= 0 or command.quantity % instrument.lot:
            return Reject.INVALID_QUANTITY
        if command.quantity > instrument.maximum_quantity:
            return Reject.QUANTITY_TOO_LARGE
        reason = self.check_price(command, instrument)
        if reason:
            return reason
        if not minimum_quantity_is_valid(command, command.quantity):
            return Reject.INVALID_MINIMUM_QUANTITY
        if not post_only_is_valid(command):
            return Reject.INVALID_DISPLAY
        if self.post_only_would_trade(command, command.instrument, command.side):
            return Reject.POST_ONLY_WOULD_TRADE
        if len(self.live_by_id) >= self.capacities.orders:
            return Reject.ORDER_POOL_FULL
        return 0

    def check_price(self, command: Command, instrument: Instrument) -> int:
        price = command.price
        if command.order_type == MARKET:
            return Reject.INVALID_PRICE if price != 0 else 0
        if price <= 0 or price % instrument.tick:
            return Reject.INVALID_PRICE
        if price < instrument.minimum_price or price > instrument.maximum_price:
            return Reject.PRICE_OUT_OF_RANGE
        return 0

    def post_only_would_trade(self, command: Command, instrument: int, side: int) -> bool:
        if command.display != DISPLAY_POST_ONLY:
            return False
        best = self.books[instrument].best(ASK if side == BUY else BID)
        return best is not None and is_acceptable(side, command.order_type, command.price, best)

    def new_order(self, command: Command, token: bytes) -> Order:
        """An order with everything that ENTER and REPLACE take from the command alike."""
        order = Order()
        order.order_id = self.sequence
        order.session = command.session
        order.token = token
        order.display = command.display
        order.order_type = command.order_type
        order.price = command.price
        order.time_in_force = command.time_in_force
        order.minimum_quantity = command.minimum_quantity
        order.intermarket_sweep = command.intermarket_sweep
        order.expiry_second = 0
        if 1 <= command.time_in_force <= TIME_IN_FORCE_MAXIMUM_SECONDS:
            expiry_ns = self.timestamp_ns + command.time_in_force * SECOND_NS
            order.expiry_second = -(-expiry_ns // SECOND_NS)
        return order

    def take_in(self, kind: int, order: Order, replaced: Order | None) -> None:
        """Accept a checked order, match it, and let rest or cancel what is left."""
        book = self.books[order.instrument]
        own, opposite = book_side(order.side), 1 - book_side(order.side)
        best = book.best(opposite)
        trades = best is not None and is_acceptable(order.side, order.order_type, order.price, best)
        may_rest = order.order_type == LIMIT and order.time_in_force != 0
        if may_rest and not trades:
            self.rest(book, own, order)
            self.emit_entry(kind, order, replaced, rests=True)
            return
        self.emit_entry(kind, order, replaced, rests=False)
        if order.minimum_quantity and self.tradable(book, order) < order.minimum_quantity:
            self.drop_rest(order)
            return
        while order.open:
            best = book.best(opposite)
            if best is None or not is_acceptable(order.side, order.order_type, order.price, best):
                break
            maker = next(iter(book.levels[opposite][best].orders.values()))
            quantity = min(order.open, maker.open)
            order.open -= quantity
            order.executed += quantity
            maker.executed += quantity
            book.reduce(opposite, maker, quantity)
            if maker.open == 0:
                self.forget(maker)
            self.emit_trade(maker, order, quantity)
        if order.open == 0:
            return
        if may_rest:
            self.rest(book, own, order)
            self.emit_order(
                EventKind.RESTED,
                order,
                order.open,
                remaining=order.open,
                with_level=True,
                reported=False,
            )
        else:
            self.drop_rest(order)

    def tradable(self, book: Book, order: Order) -> int:
        """The quantity on the other side at prices that the order accepts."""
        levels = book.levels[1 - book_side(order.side)]
        return sum(
            level.quantity
            for price, level in levels.items()
            if is_acceptable(order.side, order.order_type, order.price, price)
        )

    def rest(self, book: Book, side: int, order: Order) -> None:
        book.add(side, order)
        self.live[order.session, order.token] = order
        self.live_by_id[order.order_id] = order
        if order.expiry_second:
            self.good_till_time[order.order_id] = order

    def forget(self, order: Order) -> None:
        """An order is no longer live."""
        del self.live[order.session, order.token]
        del self.live_by_id[order.order_id]
        self.good_till_time.pop(order.order_id, None)

    def drop_rest(self, order: Order) -> None:
        self.emit_order(
            EventKind.CANCELED,
            order,
            order.open,
            reason=CancelReason.IMMEDIATE_OR_CANCEL,
            with_level=False,
        )

    def cancel_down(self, order: Order, new_open: int, reason: int) -> None:
        decrement = order.open - new_open
        self.books[order.instrument].reduce(book_side(order.side), order, decrement)
        if new_open == 0:
            self.forget(order)
        self.emit_order(
            EventKind.CANCELED,
            order,
            decrement,
            reason=reason,
            remaining=new_open,
            with_level=True,
        )

    def cancel(self, command: Command, _: Command | None) -> None:
        self.cancel_order(self.live.get((command.session, command.token)), command.quantity)

    def cancel_by_order_id(self, command: Command, _: Command | None) -> None:
        self.cancel_order(self.live_by_id.get(command.price), command.quantity)

    def cancel_order(self, order: Order | None, intended_total: int) -> None:
        if order is None:
            return
        lot = self.instruments[order.instrument].lot
        new_open = max(0, intended_total - order.executed) // lot * lot
        if new_open < order.open:
            self.cancel_down(order, new_open, CancelReason.USER)

    def replace(self, command: Command, continuation: Command | None) -> None:
        assert continuation is not None
        existing = self.live.get((command.session, command.token))
        if existing is None:
            return
        token, key = continuation.token, (command.session, continuation.token)
        if key in self.used_tokens:
            return
        reason: int = Reject.NONE
        if not is_valid_token(token):
            reason = Reject.INVALID_TOKEN
        elif len(self.used_tokens) >= self.capacities.tokens:
            reason = Reject.TOKEN_TABLE_FULL
        if reason:
            self.reject(
                command, reason, token=token, instrument=existing.instrument, side=existing.side
            )
            return
        if command.flags & 2:  # the price counts 1/10,000
            decimals = self.instruments[existing.instrument].price_decimals
            scaled = command.price * 10**decimals
            command = command._replace(price=0 if scaled % 10_000 else scaled // 10_000)
        quantity = command.quantity - existing.executed
        if not self.replacement_is_valid(command, existing, quantity):
            self.cancel_down(existing, 0, CancelReason.USER)
            return
        self.used_tokens.add(key)
        book = self.books[existing.instrument]
        book.remove(book_side(existing.side), existing)
        self.forget(existing)
        self.emit_order(EventKind.REMOVED, existing, existing.open, with_level=True, reported=False)
        order = self.new_order(command, token)
        order.instrument = existing.instrument
        order.side = existing.side
        order.open = quantity
        order.executed = existing.executed
        order.firm = existing.firm
        order.capacity = existing.capacity
        order.cross_type = existing.cross_type
        self.take_in(EventKind.REPLACED, order, existing)

    def replacement_is_valid(self, command: Command, existing: Order, quantity: int) -> bool:
        instrument = self.instruments[existing.instrument]
        return not (
            command.reject
            or command.order_type > MARKET
            or command.time_in_force > TIME_IN_FORCE_SYSTEM_HOURS
            or command.display not in DISPLAY_CODES
            or quantity <= 0
            or quantity % instrument.lot
            or quantity > instrument.maximum_quantity
            or self.check_price(command, instrument)
            or not minimum_quantity_is_valid(command, quantity)
            or not post_only_is_valid(command)
            or self.post_only_would_trade(command, existing.instrument, existing.side)
        )

    def modify(self, command: Command, _: Command | None) -> None:
        order = self.live.get((command.session, command.token))
        if order is None or command.side > Side.SELL_SHORT_EXEMPT:
            return
        if (command.side == BUY) != (order.side == BUY):
            return
        lot = self.instruments[order.instrument].lot
        new_open = (command.quantity - order.executed) // lot * lot
        if new_open <= 0 or new_open > order.open:
            return
        decrement = order.open - new_open
        if decrement == 0 and command.side == order.side:
            return
        order.side = command.side
        self.books[order.instrument].reduce(book_side(order.side), order, decrement)
        self.emit_order(
            EventKind.MODIFIED,
            order,
            new_open,
            remaining=new_open,
            with_level=decrement > 0,
        )

    # Time and the day ----------------------------------------------------------------------------

    def timer(self, command: Command, _: Command | None) -> None:
        due = [
            order
            for order in self.good_till_time.values()
            if order.expiry_second * SECOND_NS <= command.timestamp_ns
        ]
        due.sort(key=lambda order: (order.expiry_second, order.order_id))
        for order in due[:TIMER_CANCELS_MAXIMUM]:
            self.cancel_down(order, 0, CancelReason.TIMEOUT)

    def start_of_day(self, command: Command, _: Command | None) -> None:
        if self.day_open:
            self.refuse_control(command, Reject.DAY_ALREADY_OPEN)
            return
        self.used_tokens.clear()
        for session in self.session_numbers:
            self.session_numbers[session] = 0
        self.day_open = True
        self.midnight_ns = command.quantity
        self.day_number = command.price
        self.emit(EventKind.DAY_STARTED, price=self.day_number, quantity=self.midnight_ns)
        for session in sorted(self.session_numbers):
            self.emit_system(session, SystemEvent.START_OF_DAY)

    def end_of_day(self, command: Command, _: Command | None) -> None:
        if not self.day_open:
            self.refuse_control(command, Reject.DAY_NOT_OPEN)
            return
        for _, book in sorted(self.books.items()):
            for side in (BID, ASK):
                for price in sorted(book.levels[side], reverse=side == BID):
                    for order in list(book.levels[side][price].orders.values()):
                        self.cancel_down(order, 0, CancelReason.TIMEOUT)
        for session in sorted(self.session_numbers):
            self.emit_system(session, SystemEvent.END_OF_DAY)
        self.emit(EventKind.DAY_ENDED, price=self.day_number, quantity=self.midnight_ns)
        self.day_open = False

    def emit_system(self, session: int, reason: int) -> None:
        self.emit(
            EventKind.SYSTEM,
            price=self.day_number,
            quantity=self.midnight_ns,
            session_sequence=self.next_number(session),
            session=session,
            reason=reason,
        )

    # Definitions ---------------------------------------------------------------------------------

    def define_instrument(self, command: Command, continuation: Command | None) -> None:
        assert continuation is not None
        tick, lot, price_decimals = command.price, command.quantity, command.display
        minimum_price = continuation.timestamp_ns
        maximum_price = continuation.price
        maximum_quantity = continuation.quantity
        if not 0 < command.instrument < self.capacities.instruments:
            self.refuse_control(command, Reject.INSTRUMENT_OUT_OF_RANGE)
        elif command.instrument in self.instruments:
            self.refuse_control(command, Reject.INSTRUMENT_EXISTS)
        elif (
            tick < 1
            or lot < 1
            or minimum_price < tick
            or maximum_price < minimum_price
            or maximum_price // tick >= 1 << 30
            or maximum_price > 1 << 47
            or maximum_quantity < lot
            or maximum_quantity > 1 << 40
            or price_decimals > 8
            or minimum_price % tick
            or maximum_price % tick
        ):
            self.refuse_control(command, Reject.INVALID_INSTRUMENT)
        else:
            self.instruments[command.instrument] = Instrument(
                tick, lot, minimum_price, maximum_price, maximum_quantity, price_decimals
            )
            self.books[command.instrument] = Book()
            self.emit(
                EventKind.INSTRUMENT_DEFINED,
                instrument=command.instrument,
                token=command.token[:8] + bytes(6),
                price=tick,
                quantity=lot,
                display=price_decimals,
                level_quantity=minimum_price,
                contra_order_id=maximum_price,
                remaining=maximum_quantity,
            )

    def define_session(self, command: Command, _: Command | None) -> None:
        if not 0 < command.session < self.capacities.sessions:
            self.refuse_control(command, Reject.SESSION_OUT_OF_RANGE)
        elif command.session in self.session_numbers:
            self.refuse_control(command, Reject.SESSION_EXISTS)
        else:
            self.session_numbers[command.session] = 0
            self.emit(
                EventKind.SESSION_DEFINED,
                session=command.session,
                token=command.token[:8] + bytes(6),
                quantity=command.quantity,
            )
            if self.day_open:
                self.emit_system(command.session, SystemEvent.START_OF_DAY)


def minimum_quantity_is_valid(command: Command, quantity: int) -> bool:
    minimum = command.minimum_quantity
    return minimum == 0 or (minimum <= quantity and command.time_in_force == 0)


def post_only_is_valid(command: Command) -> bool:
    if command.display != DISPLAY_POST_ONLY:
        return True
    return command.order_type == LIMIT and command.time_in_force != 0
