"""What PARAMETER sets in the naive exchange: ranges and effects as the table of the rules has them.

A target of id 0 is the row of defaults, from which what is defined later is copied.
"""

from __future__ import annotations

from exchange.codes import EventKind, Parameter, Reject
from tests.model.naive.clearing import Clearing
from tests.model.naive.command import Command, Continuation
from tests.model.naive.data import Account, Bucket, Instrument, Session

RATE_MAXIMUM = 100_000
MILLION = 1_000_000
DAY_S = 86_400
COUNT_MAXIMUM = (1 << 31) - 1

# parameter: how many values it has
OF_INSTRUMENTS = {
    Parameter.FEES: 2,
    Parameter.REFERENCE_PRICE: 1,
    Parameter.PRICE_BAND: 1,
    Parameter.COLLAR: 1,
    Parameter.REVIEW_VALUE: 1,
    Parameter.BREAKER: 3,
}
OF_ACCOUNTS = {
    Parameter.DAILY_ORDERS: 1,
    Parameter.ACCOUNT_RATE: 2,
    Parameter.POSITION_LIMIT: 1,
    Parameter.OPEN_ORDERS: 1,
    Parameter.SELF_TRADE: 2,
    Parameter.SHORT_SALES: 1,
    Parameter.CANCEL_RATIO: 3,
    Parameter.BLOCKED: 1,
}
OF_SESSIONS = {Parameter.SESSION_RATE: 2, Parameter.CANCEL_ON_DISCONNECT: 1}
OF_THE_EXCHANGE = {Parameter.SHARES: 1, Parameter.ORDERS_STOPPED: 1}


class Parameters(Clearing):
    def parameter(self, command: Command, continuation: Continuation) -> int:
        """PARAMETER: the reject, or 0."""
        number, row = continuation.parameter, continuation
        values = (row.value_0, row.value_1, row.value_2)
        if number in OF_INSTRUMENTS:
            instrument = self.instrument_target(command.instrument)
            if instrument is None:
                return Reject.UNKNOWN_INSTRUMENT
            reason = self.set_instrument_parameter(instrument, Parameter(number), values)
            target = {"instrument": command.instrument}
            count = OF_INSTRUMENTS[Parameter(number)]
        elif number in OF_ACCOUNTS:
            account = self.account_target(continuation.account)
            if account is None:
                return Reject.UNKNOWN_ACCOUNT
            reason = self.set_account_parameter(account, Parameter(number), values)
            target = {"account": continuation.account}
            count = OF_ACCOUNTS[Parameter(number)]
        elif number in OF_SESSIONS:
            session = self.session_target(command.session)
            if session is None:
                return Reject.UNKNOWN_SESSION
            reason = self.set_session_parameter(session, Parameter(number), values)
            target = {"session": command.session}
            count = OF_SESSIONS[Parameter(number)]
        elif number in OF_THE_EXCHANGE:
            reason = self.set_exchange_parameter(Parameter(number), row.value_0)
            target = {}
            count = OF_THE_EXCHANGE[Parameter(number)]
        else:
            return Reject.UNKNOWN_PARAMETER
        if reason:
            return reason
        said = [*values[:count], 0, 0]
        self.emit(
            EventKind.PARAMETER_SET,
            parameter=number,
            price=said[0],
            quantity=said[1],
            level_quantity=said[2],
            **target,
        )
        return 0

    def instrument_target(self, number: int) -> Instrument | None:
        return self.instrument_defaults if number == 0 else self.instruments.get(number)

    def account_target(self, number: int) -> Account | None:
        return self.account_defaults if number == 0 else self.accounts.get(number)

    def session_target(self, number: int) -> Session | None:
        return self.session_defaults if number == 0 else self.sessions.get(number)

    def set_exchange_parameter(self, number: Parameter, value: int) -> int:
        if value not in (0, 1):
            return Reject.INVALID_PARAMETER
        if number == Parameter.ORDERS_STOPPED:
            self.orders_stopped = value
        else:
            self.shares = value
            self.drop_empty_positions(self.positions)
        return 0

    def set_instrument_parameter(
        self, row: Instrument, number: Parameter, values: tuple[int, int, int]
    ) -> int:
        first, second, third = values
        if number == Parameter.FEES:
            if not (
                -RATE_MAXIMUM <= first <= RATE_MAXIMUM
                and 0 <= second <= RATE_MAXIMUM
                and first + second >= 0
            ):
                return Reject.INVALID_PARAMETER
            if any(order.instrument == row.instrument for order in self.live_by_id.values()):
                return Reject.INSTRUMENT_BUSY
            row.maker_rate, row.taker_rate = first, second
        elif number == Parameter.REFERENCE_PRICE:
            is_price = row.instrument and first % row.tick == 0 and row.is_in_range(first)
            if first != 0 and not is_price:
                return Reject.INVALID_PARAMETER
            row.reference_price = first
        elif number == Parameter.PRICE_BAND:
            if not 0 <= first <= MILLION:
                return Reject.INVALID_PARAMETER
            row.band_ppm = first
        elif number == Parameter.COLLAR:
            if not 0 <= first <= MILLION:
                return Reject.INVALID_PARAMETER
            row.collar_ppm = first
        elif number == Parameter.REVIEW_VALUE:
            if not 0 <= first <= 1 << 61:
                return Reject.INVALID_PARAMETER
            row.review_value = first
        else:
            if not 0 <= first <= MILLION:
                return Reject.INVALID_PARAMETER
            if first and not (1 <= second <= DAY_S and 1 <= third <= DAY_S):
                return Reject.INVALID_PARAMETER
            row.breaker_ppm, row.breaker_window_s, row.breaker_halt_s = values
            row.breaker_trades = []
        return 0

    def set_account_parameter(
        self, row: Account, number: Parameter, values: tuple[int, int, int]
    ) -> int:
        first, second, third = values
        if number in (Parameter.DAILY_ORDERS, Parameter.OPEN_ORDERS):
            if not 0 <= first <= COUNT_MAXIMUM:
                return Reject.INVALID_PARAMETER
            if number == Parameter.DAILY_ORDERS:
                row.daily_limit = first
            else:
                row.open_order_limit = first
        elif number == Parameter.ACCOUNT_RATE:
            if not is_rate(first, second):
                return Reject.INVALID_PARAMETER
            row.rate = Bucket(first, second)
        elif number == Parameter.POSITION_LIMIT:
            if not 0 <= first <= 1 << 40:
                return Reject.INVALID_PARAMETER
            row.position_limit = first
        elif number == Parameter.SELF_TRADE:
            if not 0 <= first <= 4 or not 0 <= second <= COUNT_MAXIMUM:
                return Reject.INVALID_PARAMETER
            row.prevention_mode, row.prevention_group = first, second
        elif number in (Parameter.SHORT_SALES, Parameter.BLOCKED):
            if first not in (0, 1):
                return Reject.INVALID_PARAMETER
            if number == Parameter.SHORT_SALES:
                row.may_short = first
            else:
                row.blocked = first
        else:
            if not 0 <= first <= MILLION:
                return Reject.INVALID_PARAMETER
            if first and not (1 <= second <= DAY_S and 1 <= third <= COUNT_MAXIMUM):
                return Reject.INVALID_PARAMETER
            row.ratio_ppm, row.ratio_window_s, row.ratio_minimum = values
            row.window_start_ns = row.window_orders = row.window_cancels = 0
            row.warned = False
        return 0

    def set_session_parameter(
        self, row: Session, number: Parameter, values: tuple[int, int, int]
    ) -> int:
        first, second, _ = values
        if number == Parameter.SESSION_RATE:
            if not is_rate(first, second):
                return Reject.INVALID_PARAMETER
            row.rate = Bucket(first, second)
        else:
            if first not in (0, 1):
                return Reject.INVALID_PARAMETER
            row.cancel_on_disconnect = first
        return 0


def is_rate(rate: int, burst: int) -> bool:
    return rate == 0 or (0 < rate <= 1_000_000_000 and 1 <= burst <= MILLION)
