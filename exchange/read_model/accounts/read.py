"""Records of the account model's memory as the structures that are handed out.

Who uses it: ``model.py``. ``memory`` and the addresses in it are drawn in ``layout.py``.
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
_TOKEN_BYTES = (8, 6)  # of a token in each of its two words


def order_at(memory: np.ndarray, address: int) -> Order:
    """The order whose record is at ``address``."""
    row = memory[address : address + layout.ORDER_WORDS].tolist()
    status = _STATUSES[layout.ORDER_STATUS.of(row)]
    order_type = layout.ORDER_TYPE.of(row)
    updated_ns = row[layout.ORDER_UPDATED_NS]
    priceless = order_type in _PRICELESS and status is not OrderStatus.REJECTED
    return Order(
        order_id=row[layout.ORDER_ID],
        account=layout.ORDER_ACCOUNT.of(row),
        session=layout.ORDER_SESSION.of(row),
        instrument=layout.ORDER_INSTRUMENT.of(row),
        side=layout.ORDER_SIDE.of(row),
        order_type=order_type,
        time_in_force=layout.ORDER_TIME_IN_FORCE.of(row),
        minimum_quantity=layout.ORDER_MINIMUM_QUANTITY.of(row),
        display=chr(layout.ORDER_DISPLAY.of(row)),
        token=row[layout.ORDER_TOKEN_0].to_bytes(_TOKEN_BYTES[0], "little", signed=True)
        + row[layout.ORDER_TOKEN_1].to_bytes(_TOKEN_BYTES[1], "little"),
        price=0 if priceless else row[layout.ORDER_PRICE],
        stop_price=row[layout.ORDER_STOP_PRICE],
        display_quantity=row[layout.ORDER_DISPLAY_QUANTITY],
        quantity=row[layout.ORDER_QUANTITY],
        open=row[layout.ORDER_OPEN],
        filled=row[layout.ORDER_FILLED],
        filled_before=row[layout.ORDER_FILLED_BEFORE],
        prevented=row[layout.ORDER_PREVENTED],
        filled_value=row[layout.ORDER_VALUE],
        status=status,
        reason=layout.ORDER_REASON.of(row),
        created_ns=row[layout.ORDER_CREATED_NS],
        updated_ns=updated_ns,
        filled_ns=updated_ns if status is OrderStatus.FILLED else 0,
        cancelled_ns=updated_ns if status in _CLOSED_BY_CANCEL else 0,
        replaces=row[layout.ORDER_REPLACES],
        replaced_by=row[layout.ORDER_REPLACED_BY],
    )


def fill_of(memory: np.ndarray, number: int) -> Fill:
    """The fill with this number, which is kept."""
    trade, role = divmod(number - 1, 2)
    address = int(memory[layout.HEADER_TRADES])
    address += trade % int(memory[layout.HEADER_TRADES_MAXIMUM]) * layout.TRADE_WORDS
    row = memory[address : address + layout.TRADE_WORDS].tolist()
    own = layout.TRADE_FILLS + role * layout.FILL_WORDS
    other = layout.TRADE_FILLS + (1 - role) * layout.FILL_WORDS
    side = layout.TRADE_MAKER_SIDE if role == 0 else layout.TRADE_AGGRESSOR_SIDE
    resting = role == 0 and layout.TRADE_REASON.of(row) == TradeReason.CONTINUOUS
    return Fill(
        sequence=row[layout.TRADE_SEQUENCE],
        timestamp_ns=row[layout.TRADE_TIMESTAMP_NS],
        order_id=row[own + layout.FILL_ORDER],
        contra_order_id=row[other + layout.FILL_ORDER],
        account=row[own + layout.FILL_ACCOUNT],
        instrument=layout.TRADE_INSTRUMENT.of(row),
        side=side.of(row),
        price=row[layout.TRADE_PRICE],
        quantity=row[layout.TRADE_QUANTITY],
        liquidity="maker" if resting else "taker",
        fee=row[own + layout.FILL_FEE],
        match_number=row[layout.TRADE_SEQUENCE] + 1,
    )


def position_at(memory: np.ndarray, account: int, address: int) -> Position:
    """The position of ``account`` whose record is at ``address``."""
    row = memory[address : address + layout.POSITION_WORDS].tolist()
    assert layout.POSITION_ACCOUNT_NUMBER.of(row) == account, "a position of another account"
    quantity, frozen = row[layout.POSITION_QUANTITY], row[layout.POSITION_FROZEN]
    cost = row[layout.POSITION_COST]
    return Position(
        account=account,
        instrument=layout.POSITION_INSTRUMENT_NUMBER.of(row),
        quantity=quantity,
        frozen=frozen,
        available=quantity - frozen,
        total_cost=cost,
        average_cost=abs(cost) // abs(quantity) if quantity else 0,
        open_buys=row[layout.POSITION_OPEN_BUYS],
        open_shorts=row[layout.POSITION_OPEN_SHORTS],
        created_ns=row[layout.POSITION_CREATED_NS],
        updated_ns=row[layout.POSITION_UPDATED_NS],
    )
