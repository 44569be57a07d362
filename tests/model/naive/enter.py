"""ENTER: from the token to the place where the order ends; see *ENTER*."""

from __future__ import annotations

from exchange.codes import (
    CAPACITY_CODES,
    CROSS_NONE,
    OPTION_REPRICE,
    TIME_IN_FORCE_MAXIMUM_SECONDS,
    CancelReason,
    EventKind,
    Reject,
    Side,
)
from tests.model.naive.book import MARKET, STOP, Order
from tests.model.naive.checks import IS_STOP, SECOND_NS, Checks, is_valid_token
from tests.model.naive.command import NO_CONTINUATION, Command, Continuation
from tests.model.naive.matching import Matching, may_rest


class Entering(Checks, Matching):
    def enter(self, command: Command, continuation: Continuation | None) -> None:
        if command.session not in self.sessions:
            return
        terms = continuation or NO_CONTINUATION
        token, key = command.token, (command.session, command.token)
        order = None
        reason: int
        if not is_valid_token(token):
            reason = Reject.INVALID_TOKEN
        elif key in self.used_tokens:
            return
        elif self.shares and (limit := self.check_limits(command.session)):
            reason = limit
        elif not self.may_use_token(command.session):
            reason = Reject.TOKEN_TABLE_FULL
        else:
            self.use_token(*key)
            reason = self.check_enter(command, terms)
            if not reason:
                order = self.new_order(command, terms, token)
                reason = self.check_order(order)
        if reason or order is None:
            self.reject(
                command, reason, token=token, instrument=command.instrument, side=command.side
            )
        else:
            self.accept(order, EventKind.ACCEPTED, None)

    def check_limits(self, session: int) -> int:
        """Rule limits-first: what comes before the token while the rules of shares hold."""
        reason = self.check_access(session)
        if reason:
            return reason
        account = self.account_of_session(session)
        if account is not None and 0 < account.open_order_limit <= account.live_orders:
            return Reject.OPEN_ORDER_LIMIT
        return 0

    def check_enter(self, command: Command, terms: Continuation) -> int:
        """From Rule decoder-reject to Rule auction-minimum-quantity: before there is an order."""
        if command.reject:
            return command.reject
        if not self.shares:
            reason = self.check_access(command.session)
            if reason:
                return reason
        instrument = self.instruments.get(command.instrument)
        if instrument is None:
            return Reject.UNKNOWN_INSTRUMENT
        reason = self.state_reject(command.instrument)
        if reason:
            return reason
        if command.side > Side.SELL_SHORT_EXEMPT:
            return Reject.INVALID_SIDE
        reason = self.check_type(command)
        if reason:
            return reason
        if command.capacity not in CAPACITY_CODES:
            return Reject.INVALID_CAPACITY
        if command.cross_type not in CROSS_NONE:
            return Reject.CROSS_NOT_SUPPORTED
        return self.check_quantity(command.quantity, instrument) or self.check_terms(
            command, terms, instrument, command.quantity
        )

    def check_order(self, order: Order) -> int:
        """From Rule short-sale-permission to Rule order-slot."""
        account, instrument = self.accounts[order.account], self.instruments[order.instrument]
        reason = self.check_permission(order, account, instrument)
        if reason:
            return reason
        if 0 < account.open_order_limit <= account.live_orders:
            return Reject.OPEN_ORDER_LIMIT
        known = (order.account, order.instrument) in self.positions
        if not known and not self.may_have_position(order.account):
            return Reject.POSITION_TABLE_FULL
        reason = self.check_cover(order, account, instrument)
        if reason:
            return reason
        reason = self.check_post_only(order, instrument)
        if reason:
            return reason
        if not self.may_have_order(account):
            return Reject.ORDER_POOL_FULL
        return 0

    def new_order(
        self,
        command: Command,
        terms: Continuation,
        token: bytes,
        existing: Order | None = None,
    ) -> Order:
        """The order of an ENTER, or of a REPLACE of ``existing``; nothing knows it yet."""
        order = Order()
        order.order_id = self.sequence
        order.session = command.session
        order.account = self.sessions[command.session].account
        order.token = token
        order.display = command.display
        order.order_type = command.order_type
        order.time_in_force = command.time_in_force
        order.minimum_quantity = command.minimum_quantity
        order.intermarket_sweep = command.intermarket_sweep
        order.display_quantity = terms.display_quantity
        order.stop_price = terms.stop_price if command.order_type in IS_STOP else 0
        order.reprice = bool(terms.options & OPTION_REPRICE)
        order.hidden = 0
        order.waiting = order.held = False
        if existing is None:
            order.instrument = command.instrument
            order.side = command.side
            order.firm = command.firm
            order.capacity = command.capacity
            order.cross_type = command.cross_type
            order.executed = 0
        else:
            order.instrument = existing.instrument
            order.side = existing.side
            order.firm = existing.firm
            order.capacity = existing.capacity
            order.cross_type = existing.cross_type
            order.executed = existing.executed
        order.open = command.quantity - order.executed
        order.price = command.price
        if command.order_type in (MARKET, STOP):
            order.price = self.protection_price(self.instruments[order.instrument], order)
        order.expiry_second = 0
        if 1 <= command.time_in_force <= TIME_IN_FORCE_MAXIMUM_SECONDS:
            expiry_ns = self.timestamp_ns + command.time_in_force * SECOND_NS
            order.expiry_second = -(-expiry_ns // SECOND_NS)
        return order

    def accept(self, order: Order, kind: int, replaced: Order | None) -> None:
        """From Rule order-accepted on: a checked order is announced and goes where it belongs."""
        instrument = self.instruments[order.instrument]
        self.admit(order)
        self.count_order(self.accounts[order.account])
        is_stop = order.order_type in IS_STOP
        in_auction = self.in_auction(order.instrument)
        value = instrument.value(order.price, order.open)
        is_held = 0 < instrument.review_value < value
        rests = not is_held and not is_stop
        rests &= in_auction or (may_rest(order) and not self.would_trade(order))
        if rests:
            self.rest(order, say_so=False)
        is_market = order.order_type == MARKET
        # the level is at the protection price, which only TERMS names
        self.emit_entry(kind, order, replaced, rests and not is_market)
        if is_stop or order.display_quantity or (is_market and (is_held or in_auction)):
            self.emit_terms(order, with_level=rests and is_market)
        if rests:
            return
        if is_held:
            self.hold_order(order)
        elif is_stop:
            self.wait_for_stop(order)
        else:
            self.enter_market(order, came_later=False)

    def emit_terms(self, order: Order, with_level: bool) -> None:
        self.emit_order(
            EventKind.TERMS,
            order,
            order.open,
            remaining=order.display_quantity,
            contra_order_id=order.stop_price,
            with_level=with_level,
            reported=False,
        )

    def enter_market(self, order: Order, came_later: bool) -> None:
        """From Rule minimum-quantity-fill on, in continuous trading."""
        if order.minimum_quantity and self.tradable(order) < order.minimum_quantity:
            own_command = order.order_type in (MARKET, STOP) and not came_later
            self.drop(order, CancelReason.IMMEDIATE_OR_CANCEL, 0 if own_command else None)
        else:
            self.match_and_rest(order, came_later)

    def enter_from_review(self, order: Order) -> None:
        """From Rule stop-wait on, for an order that was held and has been released."""
        if order.order_type in IS_STOP:
            self.wait_for_stop(order)
        elif self.in_auction(order.instrument):
            self.rest(order, say_so=True)
        else:
            self.enter_market(order, came_later=True)

    def enter_from_stop(self, order: Order) -> None:
        """From Rule continuous-matching on, for a triggered stop that has left its stop book."""
        self.match_and_rest(order, came_later=True)
