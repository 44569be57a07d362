"""What an ENTER or REPLACE must pass: access, fields, prices, limits, funds.

Decision ENG-12.
"""

from __future__ import annotations

from exchange.codes import (
    DISPLAY_CODES,
    DISPLAY_POST_ONLY,
    FLAG_LONG,
    TIME_IN_FORCE_SYSTEM_HOURS,
    EventKind,
    Reject,
    WarningReason,
)
from tests.model.naive.book import (
    ASK,
    BID,
    BUY,
    LIMIT,
    SELL,
    STOP,
    STOP_LIMIT,
    Order,
    is_acceptable,
)
from tests.model.naive.command import Command, Continuation
from tests.model.naive.data import Account, Instrument, Position, ppm
from tests.model.naive.market import Market

SECOND_NS = 1_000_000_000
ICEBERG_PARTS_MAXIMUM = 100
PRINTABLE = frozenset(range(0x20, 0x7F))
HAS_LIMIT = (LIMIT, STOP_LIMIT)
IS_STOP = (STOP, STOP_LIMIT)
NO_POSITION = Position()


def is_valid_token(token: bytes) -> bool:
    return PRINTABLE.issuperset(token) and not token.isspace()


class Checks(Market):
    # Who may trade -------------------------------------------------------------------------------

    def check_access(self, session: int) -> int:
        """From Rule day-open to Rule order-rate (which takes from the buckets)."""
        if not self.day_open:
            return Reject.MARKET_CLOSED
        account = self.account_of_session(session)
        if account is None:
            return Reject.UNKNOWN_ACCOUNT
        if self.exchange_killed or self.sessions[session].killed or account.killed:
            return Reject.KILL_SWITCH
        if account.blocked:
            return Reject.ACCOUNT_BLOCKED
        if self.orders_stopped:
            return Reject.CANCEL_ONLY
        if not self.sessions[session].rate.take(self.timestamp_ns):
            return Reject.RATE_LIMITED
        if not account.rate.take(self.timestamp_ns):
            return Reject.RATE_LIMITED
        if self.shares and 0 < account.daily_limit <= account.orders_today:
            return Reject.DAILY_ORDER_LIMIT
        return 0

    # Shares: nobody may have more of what all use than is left -----------------------------------

    def may_use_token(self, session: int) -> bool:
        """Rule token-share."""
        left = self.capacities.tokens - len(self.used_tokens)
        return left > (self.tokens_of[session] if self.shares else 0)

    def may_have_position(self, account: int) -> bool:
        """Rule position-slot, of an account that has no such position."""
        left = self.capacities.positions - len(self.positions)
        if not self.shares:
            return left > 0
        return left > sum(1 for owner, _ in self.positions if owner == account)

    def may_have_order(self, account: Account) -> bool:
        """Rule order-slot."""
        left = self.capacities.orders - len(self.live_by_id)
        return left > (account.live_orders if self.shares else 0)

    # What the fields say -------------------------------------------------------------------------

    def check_type(self, command: Command) -> int:
        """Rules order-type and display-code."""
        if command.order_type > STOP_LIMIT:
            return Reject.INVALID_ORDER_TYPE
        if command.order_type in IS_STOP and not command.flags & FLAG_LONG:
            return Reject.INVALID_ORDER_TYPE
        if command.time_in_force > TIME_IN_FORCE_SYSTEM_HOURS:
            return Reject.INVALID_TIME_IN_FORCE
        if command.display not in DISPLAY_CODES:
            return Reject.INVALID_DISPLAY
        return 0

    def check_quantity(self, quantity: int, instrument: Instrument) -> int:
        """Rules lot-quantity and maximum-quantity."""
        if quantity <= 0 or quantity % instrument.lot:
            return Reject.INVALID_QUANTITY
        if quantity > instrument.maximum_quantity:
            return Reject.QUANTITY_TOO_LARGE
        return 0

    def check_terms(
        self, command: Command, terms: Continuation, instrument: Instrument, quantity: int
    ) -> int:
        """From Rule limit-price to Rule auction-minimum-quantity, for an order of ``quantity``."""
        price, order_type, immediate = (
            command.price,
            command.order_type,
            command.time_in_force == 0,
        )
        if order_type in HAS_LIMIT:
            if price <= 0 or price % instrument.tick:
                return Reject.INVALID_PRICE
            if not instrument.is_in_range(price):
                return Reject.PRICE_OUT_OF_RANGE
        elif price != 0:
            return Reject.INVALID_PRICE
        is_stop = order_type in IS_STOP
        stop = terms.stop_price
        if is_stop and (stop <= 0 or stop % instrument.tick or not instrument.is_in_range(stop)):
            return Reject.INVALID_STOP_PRICE
        minimum = command.minimum_quantity
        if minimum > 0 and (minimum > quantity or not immediate or is_stop):
            return Reject.INVALID_MINIMUM_QUANTITY
        if command.display == DISPLAY_POST_ONLY and (order_type != LIMIT or immediate):
            return Reject.INVALID_DISPLAY
        shown = terms.display_quantity
        if shown != 0 and (
            shown < 0
            or shown % instrument.lot
            or shown > quantity
            or shown * ICEBERG_PARTS_MAXIMUM < quantity
            or order_type not in HAS_LIMIT
            or immediate
        ):
            return Reject.INVALID_DISPLAY_QUANTITY
        if minimum > 0 and self.in_auction(instrument.instrument):
            return Reject.NOT_IN_AUCTION
        return 0

    # What the account may and can do -------------------------------------------------------------

    def check_permission(self, order: Order, account: Account, instrument: Instrument) -> int:
        """Rules short-sale-permission, price-band and daily-order-limit."""
        if order.side > SELL and not account.may_short:
            return Reject.SHORT_SALE_NOT_ALLOWED
        if order.order_type in HAS_LIMIT and not instrument.is_in_band(order.price):
            return Reject.PRICE_BAND
        if 0 < account.daily_limit <= account.orders_today:
            return Reject.DAILY_ORDER_LIMIT
        return 0

    def check_cover(self, order: Order, account: Account, instrument: Instrument) -> int:
        """Rules position-limit and funds-and-stock."""
        position = self.positions.get((account.account, instrument.instrument), NO_POSITION)
        if order.side == BUY:
            after = position.quantity + position.open_buys + order.open
            if after > self.position_limit(account, instrument):
                return Reject.POSITION_LIMIT
            available = account.balances[instrument.currency].available
            if instrument.need(order.price, order.open) > available:
                return Reject.INSUFFICIENT_FUNDS
        elif order.side == SELL:
            if order.open > position.available:
                return Reject.INSUFFICIENT_POSITION
        else:
            after = position.available - position.open_shorts - order.open
            if -after > self.position_limit(account, instrument):
                return Reject.POSITION_LIMIT
        return 0

    def position_limit(self, account: Account, instrument: Instrument) -> int:
        if account.position_limit > 0:
            return min(account.position_limit, instrument.position_bound)
        return instrument.position_bound

    def check_post_only(self, order: Order, instrument: Instrument) -> int:
        """Rule post-only-reprice; gives an order that may be repriced its new price."""
        if order.display != DISPLAY_POST_ONLY or not self.is_open(instrument.instrument):
            return 0
        best = self.books[instrument.instrument].best(ASK if order.side == BUY else BID)
        if best is None or not is_acceptable(order.side, order.price, best):
            return 0
        price = best - instrument.tick if order.side == BUY else best + instrument.tick
        allowed = instrument.is_in_range(price) and instrument.is_in_band(price)
        if not order.reprice or not allowed:
            return Reject.POST_ONLY_WOULD_TRADE
        order.price = price
        return 0

    def protection_price(self, instrument: Instrument, order: Order) -> int:
        """The worst price at which a MARKET or STOP order may trade."""
        tick = instrument.tick
        if order.order_type == STOP:
            base = order.stop_price
        else:
            base = instrument.last_price or instrument.reference_price
        low, high = instrument.minimum_price, instrument.maximum_price
        if base == 0 or instrument.collar_ppm == 0:
            price = high if order.side == BUY else low
        else:
            width = ppm(base, instrument.collar_ppm)
            if order.side == BUY:
                price = (base + width) // tick * tick
            else:
                price = -(-(base - width) // tick) * tick
        band = instrument.band()
        if band is not None:
            low = max(low, -(-band[0] // tick) * tick)
            high = min(high, band[1] // tick * tick)
        return min(max(price, low), high)

    # Cancel ratio --------------------------------------------------------------------------------

    def count_order(self, account: Account) -> None:
        account.orders_today += 1
        if account.ratio_ppm:
            self.move_window(account)
            account.window_orders += 1

    def count_cancel(self, account: Account) -> None:
        """A cancel to 0 by the client; perhaps a WARNING."""
        if not account.ratio_ppm:
            return
        self.move_window(account)
        account.window_cancels += 1
        orders, cancels = account.window_orders, account.window_cancels
        if (
            not account.warned
            and orders >= account.ratio_minimum
            and cancels * 1_000_000 > account.ratio_ppm * orders
        ):
            account.warned = True
            self.emit(
                EventKind.WARNING,
                account=account.account,
                reason=WarningReason.CANCEL_RATIO,
                quantity=cancels,
                price=orders,
                level_quantity=account.ratio_window_s,
            )

    def move_window(self, account: Account) -> None:
        window_ns = account.ratio_window_s * SECOND_NS
        if self.timestamp_ns - account.window_start_ns >= window_ns:
            account.window_start_ns = self.timestamp_ns
            account.window_orders = 0
            account.window_cancels = 0
            account.warned = False
