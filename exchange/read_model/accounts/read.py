"""Records of the account model's memory as the structures that are handed out.

Who uses it: ``accounts.py``. ``m`` and addresses as in ``accounts_layout.py``.
"""

from __future__ import annotations

import numpy as np

from exchange.codes import OrderType, TradeReason
from exchange.read_model.accounts import layout
from exchange.read_model.accounts.order_status import OrderStatus
from exchange.read_model.accounts.types import Fill, Order, Position

_STATUSES = {int(status): status for status in OrderStatus}
_PRICELESS = (int(OrderType.MARKET), int(OrderType.STOP))
_CLOSED_BY_CANCEL = (OrderStatus.CANCELLED, OrderStatus.EXPIRED)


def padded_text(word: int) -> str:
    """Text of up to eight ASCII bytes, padded with spaces or zeros."""
    return word.to_bytes(8, "little", signed=True).rstrip(b"\0 ").decode("latin-1")


def order_at(m: np.ndarray, at: int) -> Order:
    """The order whose record is at ``at``."""
    row = m[at : at + layout.ORDER_WORDS].tolist()
    what, owner, terms = row[layout.O_WHAT], row[layout.O_OWNER], row[layout.O_TERMS]
    status = _STATUSES[what & layout.STATUS_MASK]
    order_type = (what >> layout.TYPE_SHIFT) & layout.BYTE
    updated_ns = row[layout.O_UPDATED_NS]
    priceless = order_type in _PRICELESS and status is not OrderStatus.REJECTED
    return Order(
        order_id=row[layout.O_ID],
        account=owner & layout.HALF,
        session=(owner >> layout.SESSION_SHIFT) & layout.SHORT,
        instrument=(what >> layout.INSTRUMENT_SHIFT) & layout.SHORT,
        side=(what >> layout.SIDE_SHIFT) & layout.BYTE,
        order_type=order_type,
        time_in_force=terms & layout.HALF,
        minimum_quantity=(terms >> layout.HALF_BITS) & layout.HALF,
        display=chr((what >> layout.DISPLAY_SHIFT) & layout.BYTE),
        token=row[layout.O_TOKEN_0].to_bytes(8, "little", signed=True)
        + row[layout.O_TOKEN_1].to_bytes(6, "little"),
        price=0 if priceless else row[layout.O_PRICE],
        stop_price=row[layout.O_STOP_PRICE],
        display_quantity=row[layout.O_DISPLAY_QUANTITY],
        quantity=row[layout.O_QUANTITY],
        open=row[layout.O_OPEN],
        filled=row[layout.O_FILLED],
        filled_value=row[layout.O_VALUE] + (row[layout.O_VALUE_HIGH] << layout.VALUE_CARRY_BITS),
        status=status,
        reason=(what >> layout.REASON_SHIFT) & layout.BYTE,
        created_ns=row[layout.O_CREATED_NS],
        updated_ns=updated_ns,
        filled_ns=updated_ns if status is OrderStatus.FILLED else 0,
        cancelled_ns=updated_ns if status in _CLOSED_BY_CANCEL else 0,
        replaces=row[layout.O_REPLACES],
        replaced_by=row[layout.O_REPLACED_BY],
    )


def fill_of(m: np.ndarray, number: int) -> Fill:
    """The fill with this number, which is kept."""
    trade = (number - 1) >> 1
    at = int(m[layout.H_TRADES])
    at += trade % int(m[layout.H_TRADES_MAXIMUM]) * layout.TRADE_WORDS
    row = m[at : at + layout.TRADE_WORDS].tolist()
    role = (number - 1) & 1
    own = layout.T_ROLES + role * layout.ROLE_WORDS
    other = layout.T_ROLES + (1 - role) * layout.ROLE_WORDS
    what = row[layout.T_WHAT]
    resting = role == 0 and what >> 32 == TradeReason.CONTINUOUS
    return Fill(
        sequence=row[layout.T_SEQUENCE],
        timestamp_ns=row[layout.T_TIMESTAMP_NS],
        order_id=row[own + layout.R_ORDER],
        contra_order_id=row[other + layout.R_ORDER],
        account=row[own + layout.R_ACCOUNT],
        instrument=what & layout.SHORT,
        side=(what >> (16 + 8 * role)) & layout.BYTE,
        price=row[layout.T_PRICE],
        quantity=row[layout.T_QUANTITY],
        liquidity="maker" if resting else "taker",
        fee=row[own + layout.R_FEE],
        match_number=row[layout.T_SEQUENCE] + 1,
    )


def position_at(m: np.ndarray, account: int, at: int) -> Position:
    """The position of ``account`` whose record is at ``at``."""
    row = m[at : at + layout.POSITION_WORDS].tolist()
    quantity, frozen, cost = row[layout.P_QUANTITY], row[layout.P_FROZEN], row[layout.P_COST]
    return Position(
        account=account,
        instrument=row[layout.P_NAME] & layout.SHORT,
        quantity=quantity,
        frozen=frozen,
        available=quantity - frozen,
        total_cost=cost,
        average_cost=abs(cost) // abs(quantity) if quantity else 0,
        open_buys=row[layout.P_OPEN_BUYS],
        open_shorts=row[layout.P_OPEN_SHORTS],
        created_ns=row[layout.P_CREATED_NS],
        updated_ns=row[layout.P_UPDATED_NS],
    )
