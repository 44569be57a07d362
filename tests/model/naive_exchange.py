"""The naive exchange: the trading rules of ``docs/matching.md`` in plain Python.

The independent twin of the matcher. It shares no code with the engine: dictionaries, sorted lists
and loops instead of pools, bitmaps and hash tables. Commands go in one at a time, the bytes of the
events come out. Clarity goes before speed.

The only rule it does not model is LEVEL_POOL_FULL, which depends on the engine's pools.
"""

from __future__ import annotations

from exchange.codes import (
    CAPACITY_CODES,
    CROSS_NONE,
    DISPLAY_CODES,
    DISPLAY_POST_ONLY,
    TIME_IN_FORCE_MAXIMUM_SECONDS,
    TIME_IN_FORCE_SYSTEM_HOURS,
    CancelReason,
    CommandKind,
    EventKind,
    Reject,
    Side,
    SystemEvent,
)
from tests.model.naive_book import (
    ASK,
    BID,
    BUY,
    LIMIT,
    MARKET,
    Book,
    Order,
    book_side,
    is_acceptable,
)
from tests.model.naive_command import Capacities, Command, Instrument
from tests.model.naive_events import EventWriter

TIMER_CANCELS_MAXIMUM = 4096
SECOND_NS = 1_000_000_000
PRINTABLE = frozenset(range(0x20, 0x7F))


def is_valid_token(token: bytes) -> bool:
    return PRINTABLE.issuperset(token) and not token.isspace()


class NaiveExchange(EventWriter):
    """All trading state. ``apply`` takes one command and returns its events' bytes."""

    def __init__(self, capacities: Capacities) -> None:
        super().__init__()
        self.capacities = capacities
        self.instruments: dict[int, Instrument] = {}
        self.used_tokens: set[tuple[int, bytes]] = set()
        self.live: dict[tuple[int, bytes], Order] = {}
        self.live_by_id: dict[int, Order] = {}
        self.good_till_time: dict[int, Order] = {}
        self.day_open = False
        self.midnight_ns = 0
        self.day_number = 0
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
        self.close_command()
        return events

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
