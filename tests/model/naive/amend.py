"""CANCEL, REPLACE and MODIFY, by token and by order id."""

from __future__ import annotations

from exchange.codes import (
    FLAG_MODIFY_ENDS,
    FLAG_WIRE_PRICE,
    OPTION_AMEND,
    CancelReason,
    EventKind,
    Reject,
    Side,
)
from tests.model.naive.book import BUY, SELL, Order, book_side
from tests.model.naive.checks import is_valid_token
from tests.model.naive.command import Command, Continuation
from tests.model.naive.enter import Entering


class Amending(Entering):
    def own_order_by_id(self, session: int, order_id: int) -> Order | None:
        order = self.live_by_id.get(order_id)
        return order if order is not None and order.session == session else None

    def reduce(self, order: Order, new_open: int) -> None:
        """Lower a live order's open quantity, the hidden part first; priority is kept."""
        decrement, before = order.open - new_open, order.open
        if order.waiting or order.held:
            order.open = new_open
            if order.waiting and new_open == 0:
                self.leave_stop_book(order)
            elif order.held and new_open == 0:
                self.leave_held(order)
        else:
            hidden = min(order.hidden, decrement)
            book = self.books[order.instrument]
            book.reduce(book_side(order.side), order, decrement - hidden, hidden)
        self.lose(order, before)

    def refuse_cancel(self, order: Order, reason: int) -> None:
        self.emit_order(
            EventKind.CANCEL_REJECTED, order, 0, price=0, reason=reason, with_level=False
        )

    # CANCEL --------------------------------------------------------------------------------------

    def cancel(self, command: Command, _: Continuation | None) -> None:
        order = self.live.get((command.session, command.token))
        if order is not None:
            self.cancel_order(order, command.quantity, is_operator=False)

    def cancel_by_order_id(self, command: Command, _: Continuation | None) -> None:
        order = self.live_by_id.get(command.price)
        if order is None:
            return
        if command.session:
            session = self.sessions.get(command.session)
            if session is None or session.account != order.account:
                return
        self.cancel_order(order, command.quantity, is_operator=command.session == 0)

    def cancel_order(self, order: Order, intended_total: int, is_operator: bool) -> None:
        if not is_operator and self.cancel_refused(order.instrument):
            self.refuse_cancel(order, Reject.INSTRUMENT_HALTED)
            return
        lot = self.instruments[order.instrument].lot
        new_open = max(0, intended_total - order.executed) // lot * lot
        decrement = order.open - new_open
        if decrement <= 0:
            return
        self.reduce(order, new_open)
        self.emit_order(
            EventKind.CANCELED,
            order,
            decrement,
            reason=CancelReason.USER,
            remaining=new_open,
            with_level=True,
        )
        if new_open == 0 and not is_operator:
            self.count_cancel(self.accounts[order.account])

    # REPLACE -------------------------------------------------------------------------------------

    def replace(self, command: Command, continuation: Continuation) -> None:
        self.replace_order(self.live.get((command.session, command.token)), command, continuation)

    def replace_by_order_id(self, command: Command, continuation: Continuation) -> None:
        order = self.own_order_by_id(command.session, continuation.order_id)
        self.replace_order(order, command, continuation)

    def replace_order(self, existing: Order | None, command: Command, terms: Continuation) -> None:
        if existing is None:
            return
        if terms.options & OPTION_AMEND:
            self.amend_order(existing, command, terms)
            return
        token, key = terms.token, (command.session, terms.token)
        if key in self.used_tokens:
            return
        reason: int = Reject.NONE
        if not is_valid_token(token):
            reason = Reject.INVALID_TOKEN
        elif not self.may_use_token(command.session):
            reason = Reject.TOKEN_TABLE_FULL
        if reason:
            self.reject(
                command, reason, token=token, instrument=existing.instrument, side=existing.side
            )
            return
        instrument = self.instruments[existing.instrument]
        if command.flags & FLAG_WIRE_PRICE:
            scaled = command.price * 10**instrument.price_decimals
            command = command._replace(price=0 if scaled % 10_000 else scaled // 10_000)
        reason = self.check_access(command.session) or self.state_reject(existing.instrument)
        if reason:
            self.refuse_cancel(existing, reason)
            return
        quantity = command.quantity - existing.executed
        if (
            command.reject
            or self.check_type(command)
            or self.check_quantity(quantity, instrument)
            or self.check_terms(command, terms, instrument, quantity)
        ):
            self.cancel_whole(existing, CancelReason.USER)
            return
        order = self.new_order(command, terms, token, existing)
        reason = self.check_replacement(order, existing)
        if reason:
            self.refuse_cancel(existing, reason)
            return
        if self.check_post_only(order, instrument):
            self.cancel_whole(existing, CancelReason.USER)
            return
        self.use_token(*key)
        self.change_places(existing, order)

    def change_places(self, existing: Order, order: Order) -> None:
        """Rule replacement-entered."""
        self.take_out(existing)
        quantity, existing.open = existing.open, 0
        self.lose(existing, quantity)
        self.emit_order(EventKind.REMOVED, existing, quantity, with_level=True, reported=False)
        self.accept(order, EventKind.REPLACED, existing)

    def amend_order(self, existing: Order, command: Command, terms: Continuation) -> None:
        """OPTION_AMEND: Rule amendment."""
        instrument = self.instruments[existing.instrument]
        quantity = command.quantity - existing.executed
        if quantity <= 0:
            self.cancel_order(existing, 0, is_operator=False)
            return
        if command.flags & FLAG_WIRE_PRICE:
            scaled = command.price * 10**instrument.price_decimals
            command = command._replace(price=0 if scaled % 10_000 else scaled // 10_000)
        reason = (
            self.check_access(command.session)
            or self.state_reject(existing.instrument)
            or command.reject
            or self.check_type(command)
            or self.check_quantity(quantity, instrument)
            or self.check_terms(command, terms, instrument, quantity)
        )
        if reason:
            self.refuse_cancel(existing, reason)
            return
        order = self.new_order(command, terms, existing.token, existing)
        reason = self.check_replacement(order, existing) or self.check_post_only(order, instrument)
        if reason:
            self.refuse_cancel(existing, reason)
        else:
            self.change_places(existing, order)

    def check_replacement(self, order: Order, existing: Order) -> int:
        """Rule replace-limits: as if the existing order were gone."""
        account, instrument = self.accounts[order.account], self.instruments[order.instrument]
        reason = self.check_permission(order, account, instrument)
        if not reason:
            self.adjust(existing, existing.open, 0)
            reason = self.check_cover(order, account, instrument)
            self.adjust(existing, 0, existing.open)
        return reason

    # MODIFY --------------------------------------------------------------------------------------

    def modify(self, command: Command, _: Continuation | None) -> None:
        self.modify_order(self.live.get((command.session, command.token)), command)

    def modify_by_order_id(self, command: Command, _: Continuation | None) -> None:
        self.modify_order(self.own_order_by_id(command.session, command.price), command)

    def modify_order(self, order: Order | None, command: Command) -> None:
        if order is None:
            return
        if self.cancel_refused(order.instrument):
            self.refuse_cancel(order, Reject.INSTRUMENT_HALTED)
            return
        if order.waiting or order.held:
            self.refuse_cancel(order, Reject.ORDER_WAITING)
            return
        side = command.side
        if side > Side.SELL_SHORT_EXEMPT or (side == BUY) != (order.side == BUY):
            return
        lot = self.instruments[order.instrument].lot
        new_open = (command.quantity - order.executed) // lot * lot
        if new_open <= 0 and command.flags & FLAG_MODIFY_ENDS:
            self.cancel_order(order, 0, is_operator=False)
            return
        if new_open <= 0 or new_open > order.open:
            return
        decrement = order.open - new_open
        if side == order.side:
            if decrement == 0:
                return
        elif not self.may_change_side(order, side, new_open):
            return
        else:
            # the stock of a SELL goes back before the new side takes what it needs
            self.adjust(order, order.open, 0)
            order.side = side
            self.adjust(order, 0, order.open)
        self.reduce(order, new_open)
        self.emit_order(
            EventKind.MODIFIED,
            order,
            new_open,
            remaining=new_open,
            with_level=decrement > 0,
        )

    def may_change_side(self, order: Order, side: int, new_open: int) -> bool:
        """Whether a sell may become another kind of sell."""
        account, instrument = self.accounts[order.account], self.instruments[order.instrument]
        position = self.positions[order.account, order.instrument]
        if side == SELL:
            return new_open <= position.available
        if not account.may_short:
            return False
        if order.side != SELL:
            return True
        after = position.available + order.open - position.open_shorts - new_open
        return -after <= self.position_limit(account, instrument)
