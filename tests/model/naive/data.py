"""What the naive exchange remembers of currencies, accounts, sessions and instruments.

Plain mutable objects. Parameters that an operator can set stand first in each class; row 0 of a
kind (id 0) holds the parameters that new ones begin with.
"""

from __future__ import annotations

from collections import defaultdict


class Bucket:
    """A token bucket: ``rate`` a second (0 = no limit) and ``burst``; see *Rate limits*."""

    __slots__ = ("burst", "rate", "time_ns")

    def __init__(self, rate: int = 0, burst: int = 0) -> None:
        self.rate = rate
        self.burst = burst
        self.time_ns = 0

    def take(self, now_ns: int) -> bool:
        """Take one; False when it is empty."""
        if self.rate == 0:
            return True
        interval = 1_000_000_000 // self.rate
        time = max(self.time_ns, now_ns)
        if time - now_ns > (self.burst - 1) * interval:
            return False
        self.time_ns = time + interval
        return True


class Balance:
    __slots__ = ("balance", "frozen")

    def __init__(self) -> None:
        self.balance = 0
        self.frozen = 0

    @property
    def available(self) -> int:
        return self.balance - self.frozen


class Currency:
    __slots__ = ("code", "decimals", "fee_account", "net")

    def __init__(self, code: bytes, decimals: int, fee_account: int) -> None:
        self.code = code
        self.decimals = decimals
        self.fee_account = fee_account
        self.net = 0  # deposits - withdrawals


class Account:
    def __init__(self, account: int) -> None:
        self.account = account
        # parameters
        self.daily_limit = 0
        self.rate = Bucket()
        self.position_limit = 0
        self.open_order_limit = 0
        self.prevention_mode = 0
        self.prevention_group = 0
        self.may_short = 0
        self.ratio_ppm = 0
        self.ratio_window_s = 0
        self.ratio_minimum = 0
        self.blocked = 0
        # state
        self.killed = 0
        self.balances: defaultdict[int, Balance] = defaultdict(Balance)  # by currency
        self.live_orders = 0
        self.orders_today = 0
        self.window_start_ns = 0
        self.window_orders = 0
        self.window_cancels = 0
        self.warned = False


class Position:
    __slots__ = ("frozen", "open_buys", "open_shorts", "quantity", "total_cost")

    def __init__(self) -> None:
        self.quantity = 0
        self.frozen = 0
        self.total_cost = 0
        self.open_buys = 0
        self.open_shorts = 0

    @property
    def available(self) -> int:
        return self.quantity - self.frozen

    @property
    def is_empty(self) -> bool:
        return not (self.quantity or self.frozen or self.open_buys or self.open_shorts)


class Session:
    def __init__(self, session: int, account: int) -> None:
        self.session = session
        self.account = account
        # parameters
        self.rate = Bucket()
        self.cancel_on_disconnect = 0
        # state
        self.killed = 0
        self.cancel_after_second = 0


class Instrument:
    def __init__(self, instrument: int) -> None:
        self.instrument = instrument
        # definition
        self.tick = 1
        self.lot = 1
        self.minimum_price = 0
        self.maximum_price = 0
        self.maximum_quantity = 0
        self.price_decimals = 0
        self.currency = 0
        self.group = 0
        self.multiplier = 1
        self.position_bound = 0
        # parameters
        self.maker_rate = 0
        self.taker_rate = 0
        self.reference_price = 0
        self.band_ppm = 0
        self.collar_ppm = 0
        self.review_value = 0
        self.breaker_ppm = 0
        self.breaker_window_s = 0
        self.breaker_halt_s = 0
        # state
        self.state = 0
        self.until_ns = 0
        self.last_price = 0  # 0 = none today
        self.net_stock = 0  # deposits - withdrawals
        self.live_orders = 0
        self.is_pending = False  # is on the pending queue of the stops
        self.breaker_trades: list[tuple[int, int]] = []  # (bucket number, price), oldest first

    @property
    def freeze_rate(self) -> int:
        return max(0, self.maker_rate, self.taker_rate)

    def value(self, price: int, quantity: int) -> int:
        return price * quantity * self.multiplier

    def need(self, price: int, quantity: int) -> int:
        """What a BUY order of ``quantity`` at ``price`` freezes."""
        value = price * quantity * self.multiplier
        return value + ppm(value, self.freeze_rate)

    def band(self) -> tuple[int, int] | None:
        """Lowest and highest price that the price band allows, None without one."""
        if self.band_ppm == 0 or self.reference_price == 0:
            return None
        width = ppm(self.reference_price, self.band_ppm)
        return self.reference_price - width, self.reference_price + width

    def is_in_range(self, price: int) -> bool:
        return self.minimum_price <= price <= self.maximum_price

    def is_in_band(self, price: int) -> bool:
        band = self.band()
        return band is None or band[0] <= price <= band[1]


def ppm(amount: int, rate: int) -> int:
    """``rate`` millionths of ``amount``, truncated towards zero."""
    product = amount * rate
    return product // 1_000_000 if product >= 0 else -(-product // 1_000_000)
