"""What a rejected order needed and what there was, in words: both amounts, exact.

Who uses it: the errors of rejected orders (errors.py) and of refused changes (outcomes.py). Amounts
of money are decimals of the currency, as operators see them; prices and quantities are integers, as
in the request. They come from the model at the event up to which it has read: what the account did
meanwhile is in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from exchange.codes import OrderType, Reject
from exchange.settings.exact import unscaled

if TYPE_CHECKING:
    from exchange.read_model.accounts.model import AccountModel
    from exchange.read_model.accounts.types import Order
    from exchange.read_model.market.types import Instrument

_PRICED = (OrderType.LIMIT, OrderType.STOP_LIMIT)


class Asked(NamedTuple):
    """``reject``: the matcher's answer to an order for ``quantity`` at ``price`` (0: none)."""

    reject: Reject
    price: int
    quantity: int


def amounts_text(
    asked: Asked, order: Order, instrument: Instrument, accounts: AccountModel
) -> str | None:
    """The sentence about the amounts; None where the reject is about none.

    ``order``: the rejected one, or the one that was to be changed, whose own money and stock count
    as available then.
    """
    reject, price, quantity = asked
    account = accounts.account(order.account)
    if reject == Reject.INSUFFICIENT_FUNDS:
        return _funds(order, instrument, accounts, price, quantity)
    if reject == Reject.INSUFFICIENT_POSITION:
        position = accounts.position(order.account, order.instrument)
        available = (0 if position is None else position.available) + order.open
        return f"{quantity} to be sold, {available} available"
    if reject == Reject.POSITION_LIMIT:
        position = accounts.position(order.account, order.instrument)
        held, buys, shorts = (
            (0, 0, 0)
            if position is None
            else (position.quantity, position.open_buys, position.open_shorts)
        )
        return (
            f"{quantity} ordered beside a position of {held} and open orders of {buys} to buy and "
            f"{shorts} to sell short"
        )
    if reject == Reject.DAILY_ORDER_LIMIT:
        return f"{account.daily_order_count} orders today, {account.daily_order_limit} allowed"
    if reject == Reject.OPEN_ORDER_LIMIT:
        return f"{account.open_orders} orders are open, which is what the account may have"
    return None


def _funds(
    order: Order, instrument: Instrument, accounts: AccountModel, price: int, quantity: int
) -> str:
    balances = accounts.account(order.account).balances
    balance, frozen = balances.get(instrument.currency_number, (0, 0))
    available = balance - frozen
    if order.open:
        available += accounts.funds_needed(order.instrument, order.price, order.open)
    text = f"{_money(available, instrument)} available"
    if order.order_type not in _PRICED:
        return f"{text}; a market or stop order needs what it costs at its protection price"
    needed = accounts.funds_needed(order.instrument, price, quantity)
    return f"{_money(needed, instrument)} needed, {text}"


def _money(amount: int, instrument: Instrument) -> str:
    return f"{unscaled(amount, instrument.currency_decimals):f} {instrument.currency}"
