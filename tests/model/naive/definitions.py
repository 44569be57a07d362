"""Instruments, sessions and the trading day of the naive exchange."""

from __future__ import annotations

from exchange.codes import CancelReason, EventKind, Parameter, Reject, SystemEvent, TradeReason
from tests.model.naive.book import Book
from tests.model.naive.command import Command, Continuation
from tests.model.naive.data import Bucket, Instrument, Session
from tests.model.naive.market import Market


class Definitions(Market):
    def define_instrument(self, command: Command, row: Continuation) -> None:
        if not 0 < command.instrument < self.capacities.instruments:
            self.refuse_control(command, Reject.INSTRUMENT_OUT_OF_RANGE)
            return
        if command.instrument in self.instruments:
            self.refuse_control(command, Reject.INSTRUMENT_EXISTS)
            return
        if row.currency not in self.currencies:
            self.refuse_control(command, Reject.UNKNOWN_CURRENCY)
            return
        decimals = self.currencies[row.currency].decimals - command.display
        tick, lot = command.price, command.quantity
        if (
            tick < 1
            or lot < 1
            or row.minimum_price < tick
            or row.maximum_price < row.minimum_price
            or row.maximum_price // tick >= 1 << 30
            or row.maximum_price > 1 << 47
            or row.maximum_quantity < lot
            or row.maximum_quantity > 1 << 40
            or command.display > 8
            or decimals < 0
            or row.minimum_price % tick
            or row.maximum_price % tick
            or row.maximum_price * 10**decimals * row.maximum_quantity > 1 << 56
        ):
            self.refuse_control(command, Reject.INVALID_INSTRUMENT)
            return
        instrument, defaults = Instrument(command.instrument), self.instrument_defaults
        instrument.tick = tick
        instrument.lot = lot
        instrument.minimum_price = row.minimum_price
        instrument.maximum_price = row.maximum_price
        instrument.maximum_quantity = row.maximum_quantity
        instrument.price_decimals = command.display
        instrument.currency = row.currency
        instrument.group = row.group
        instrument.multiplier = 10**decimals
        instrument.position_bound = min(
            1 << 40, (1 << 61) // (row.maximum_price * instrument.multiplier)
        )
        instrument.maker_rate = defaults.maker_rate
        instrument.taker_rate = defaults.taker_rate
        instrument.band_ppm = defaults.band_ppm
        instrument.collar_ppm = defaults.collar_ppm
        instrument.review_value = defaults.review_value
        instrument.breaker_ppm = defaults.breaker_ppm
        instrument.breaker_window_s = defaults.breaker_window_s
        instrument.breaker_halt_s = defaults.breaker_halt_s
        self.instruments[command.instrument] = instrument
        self.books[command.instrument] = Book()
        self.emit(
            EventKind.INSTRUMENT_DEFINED,
            instrument=command.instrument,
            token=command.token[:8] + bytes(6),
            price=tick,
            quantity=lot,
            display=command.display,
            level_quantity=row.minimum_price,
            contra_order_id=row.maximum_price,
            remaining=row.maximum_quantity,
            currency=row.currency,
            group=row.group,
        )

    def define_session(self, command: Command, _: Continuation) -> None:
        if not 0 < command.session < self.capacities.sessions:
            self.refuse_control(command, Reject.SESSION_OUT_OF_RANGE)
            return
        if command.session in self.sessions:
            self.refuse_control(command, Reject.SESSION_EXISTS)
            return
        if not 0 < command.quantity < self.capacities.accounts:
            self.refuse_control(command, Reject.ACCOUNT_OUT_OF_RANGE)
            return
        session, defaults = Session(command.session, command.quantity), self.session_defaults
        session.rate = Bucket(defaults.rate.rate, defaults.rate.burst)
        session.cancel_on_disconnect = defaults.cancel_on_disconnect
        self.sessions[command.session] = session
        self.session_numbers[command.session] = 0
        self.emit(
            EventKind.SESSION_DEFINED,
            session=command.session,
            token=command.token[:8] + bytes(6),
            quantity=command.quantity,
        )
        if self.day_open:
            self.emit_system(command.session, SystemEvent.START_OF_DAY)

    def start_of_day(self, command: Command, _: Continuation) -> None:
        if self.day_open:
            self.refuse_control(command, Reject.DAY_ALREADY_OPEN)
            return
        self.used_tokens.clear()
        self.tokens_of.clear()
        for session in self.session_numbers:
            self.session_numbers[session] = 0
        for account in self.accounts.values():
            account.orders_today = 0
        for number, instrument in self.instruments.items():
            instrument.last_price = 0
            self.breaker_clear(number)
        self.day_open = True
        self.midnight_ns = command.quantity
        self.day_number = command.price
        self.emit(EventKind.DAY_STARTED, price=self.day_number, quantity=self.midnight_ns)
        for session in sorted(self.sessions):
            self.emit_system(session, SystemEvent.START_OF_DAY)

    def end_of_day(self, command: Command, _: Continuation) -> None:
        if not self.day_open:
            self.refuse_control(command, Reject.DAY_NOT_OPEN)
            return
        if command.quantity == 1:
            for number in sorted(self.instruments):
                if self.in_auction(number) and self.is_crossed(number):
                    self.uncross(number, TradeReason.CLOSING_AUCTION)
        self.cancel_orders(list(self.live_by_id.values()), CancelReason.TIMEOUT)
        for number, instrument in sorted(self.instruments.items()):
            if instrument.last_price and instrument.last_price != instrument.reference_price:
                instrument.reference_price = instrument.last_price
                self.emit(
                    EventKind.PARAMETER_SET,
                    parameter=Parameter.REFERENCE_PRICE,
                    instrument=number,
                    price=instrument.last_price,
                )
        for session in sorted(self.sessions):
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
