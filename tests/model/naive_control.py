"""Definitions: INSTRUMENT, SESSION."""

from __future__ import annotations

from exchange.codes import EventKind, Reject, SystemEvent
from tests.model.naive_book import Book
from tests.model.naive_command import Command, Continuation
from tests.model.naive_data import Instrument, Session
from tests.model.naive_days import Days


class Control(Days):
    def define_instrument(self, command: Command, continuation: Continuation) -> None:
        tick, lot, price_decimals = command.price, command.quantity, command.display
        minimum_price = continuation.minimum_price
        maximum_price = continuation.maximum_price
        maximum_quantity = continuation.maximum_quantity
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
            instrument = Instrument(command.instrument)
            instrument.tick, instrument.lot = tick, lot
            instrument.minimum_price, instrument.maximum_price = minimum_price, maximum_price
            instrument.maximum_quantity = maximum_quantity
            instrument.price_decimals = price_decimals
            self.instruments[command.instrument] = instrument
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

    def define_session(self, command: Command, _: Continuation | None) -> None:
        if not 0 < command.session < self.capacities.sessions:
            self.refuse_control(command, Reject.SESSION_OUT_OF_RANGE)
        elif command.session in self.session_numbers:
            self.refuse_control(command, Reject.SESSION_EXISTS)
        else:
            self.sessions[command.session] = Session(command.session, command.quantity)
            self.session_numbers[command.session] = 0
            self.emit(
                EventKind.SESSION_DEFINED,
                session=command.session,
                token=command.token[:8] + bytes(6),
                quantity=command.quantity,
            )
            if self.day_open:
                self.emit_system(command.session, SystemEvent.START_OF_DAY)
