"""Look-ups in the account model's memory: an order, pages of orders and fills; its rebuilding.

Who uses it: the shells in ``exchange/read_model/accounts``. Pages are newest first. A page begins
before the last record that the page before it looked at; where that record is still kept it is
found at once, otherwise the place has to be searched for. A page may end before it is full when it
has looked at many records that were not wanted: nobody else is answered meanwhile.

Decision RDM-3.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from exchange.read_model.accounts.kernel.lists import (
    account_row_of,
    find_order,
    order_bucket,
    position_of,
    position_place,
    token_bucket,
)
from exchange.read_model.accounts.kernel.words import field_of, high, low, set_high
from exchange.read_model.accounts.layout import (
    ACCOUNT_NEWEST_FILL,
    ACCOUNT_NEWEST_OPEN,
    ACCOUNT_NEWEST_ORDER,
    FILL_ACCOUNT,
    FILL_OLDER_OF_ACCOUNT,
    FILL_OLDER_OF_ORDER,
    FILL_ORDER,
    FILL_WORDS,
    HEADER_ORDERS,
    HEADER_ORDERS_USED,
    HEADER_POSITION_INDEX,
    HEADER_POSITION_MASK,
    HEADER_POSITIONS,
    HEADER_POSITIONS_USED,
    HEADER_TRADES,
    HEADER_TRADES_MAXIMUM,
    HEADER_TRADES_SEEN,
    ORDER_ACCOUNT,
    ORDER_CHAINS,
    ORDER_ID,
    ORDER_INSTRUMENT,
    ORDER_LINKS,
    ORDER_NEWEST_FILL,
    ORDER_OPEN,
    ORDER_OPEN_LINKS,
    ORDER_SESSION,
    ORDER_STATUS,
    ORDER_TOKEN_0,
    ORDER_TOKEN_1,
    ORDER_WORDS,
    POSITION_ACCOUNT_NUMBER,
    POSITION_INSTRUMENT_NUMBER,
    POSITION_WORDS,
    TRADE_FILLS,
    TRADE_INSTRUMENT,
    TRADE_SEQUENCE,
    TRADE_WORDS,
)
from ringbuffer.jit import jit_borrowed, jit_borrowed_inline_internal, jit_borrowed_internal

_PROBES = 1 << 12


class OrderSelection(NamedTuple):
    """The orders that a page is to have; int64 each, but ``open_only``.

    ``instrument`` 0: any; ``statuses``: bit per OrderStatus, 0: any; ``before_order_id`` 0: from
    the newest on, else only orders with a lower id; ``looks``: at how many orders to look at most.
    """

    account: int
    instrument: int
    statuses: int
    open_only: bool
    before_order_id: int
    looks: int


class FillSelection(NamedTuple):
    """The fills that a page is to have; int64 each.

    ``instrument``, ``order_id`` 0: any; ``before_sequence`` < 0: from the newest on; ``looks`` as
    in OrderSelection.
    """

    account: int
    instrument: int
    order_id: int
    before_sequence: int
    looks: int


@jit_borrowed
def order_address(memory: np.ndarray, order_id: int) -> int:
    """Address of the order, 0 when it is unknown or no longer kept."""
    return find_order(memory, order_id)


@jit_borrowed
def position_address(memory: np.ndarray, account: int, instrument: int) -> int:
    """Address of the position, 0 when there is none."""
    return position_of(memory, account, instrument, False)


@jit_borrowed_internal
def _newest_below(memory: np.ndarray, account: int, open_only: bool, order_id: int) -> int:
    """The order itself or one a little older that is in the account's list; 0: none is near.

    Ids lie close together, and so do their places in the index: trying many is cheap.
    """
    for lower in range(order_id, max(0, order_id - _PROBES), -1):
        order = find_order(memory, lower)
        if order == 0 or field_of(memory, order, ORDER_ACCOUNT) != account:
            continue
        if not open_only or memory[order + ORDER_OPEN] != 0:
            return order
    return 0


@jit_borrowed
def find_orders(memory: np.ndarray, selection: OrderSelection, found: np.ndarray) -> int:
    """Addresses of an account's newest orders into ``found`` (int64[limit + 1]); how many.

    The last element of ``found`` becomes the id before which the next page goes on, 0: there is
    none.
    """
    limit = found.shape[0] - 1
    looks, before = selection.looks, selection.before_order_id
    account_row = account_row_of(memory, selection.account)
    links = ORDER_OPEN_LINKS if selection.open_only else ORDER_LINKS
    head = ACCOUNT_NEWEST_OPEN if selection.open_only else ACCOUNT_NEWEST_ORDER
    order = memory[account_row + head]
    if before != 0:
        near = _newest_below(memory, selection.account, selection.open_only, before)
        order = near if near != 0 else order
        while order != 0 and memory[order + ORDER_ID] >= before:
            order = low(memory[order + links])
    count, last = 0, 0
    while order != 0 and count < limit and looks > 0:
        looks -= 1
        last = memory[order + ORDER_ID]
        instrument = field_of(memory, order, ORDER_INSTRUMENT)
        status = field_of(memory, order, ORDER_STATUS)
        if (selection.instrument == 0 or selection.instrument == instrument) and (
            selection.statuses == 0 or (selection.statuses >> status) & 1 != 0
        ):
            found[count] = order
            count += 1
        order = low(memory[order + links])
    found[limit] = last if order != 0 else 0
    return count


# --- fills ----------------------------------------------------------------------------------------


@jit_borrowed_inline_internal
def _trade_number(fill: int) -> int:
    """Number (from 0 on) of the trade of a fill number."""
    return (fill - 1) >> 1


@jit_borrowed_inline_internal
def _trade_address(memory: np.ndarray, number: int) -> int:
    """Address of the trade with this number, if it is kept."""
    return memory[HEADER_TRADES] + number % memory[HEADER_TRADES_MAXIMUM] * TRADE_WORDS


@jit_borrowed_inline_internal
def _trade_of(memory: np.ndarray, fill: int) -> int:
    """Address of the trade of a fill number, 0 when there is none or it is no longer kept."""
    number = _trade_number(fill)
    if fill == 0 or number < memory[HEADER_TRADES_SEEN] - memory[HEADER_TRADES_MAXIMUM]:
        return 0
    return _trade_address(memory, number)


@jit_borrowed_inline_internal
def _fill_row(trade: int, fill: int) -> int:
    """Address of the words of fill number ``fill`` in its trade, which is at ``trade``."""
    return trade + TRADE_FILLS + ((fill - 1) & 1) * FILL_WORDS


@jit_borrowed_internal
def _trade_before(memory: np.ndarray, sequence: int) -> int:
    """Number of the first kept trade whose sequence is not below ``sequence``."""
    end = memory[HEADER_TRADES_SEEN]
    first = max(0, end - memory[HEADER_TRADES_MAXIMUM])
    while first < end:
        middle = (first + end) >> 1
        if memory[_trade_address(memory, middle) + TRADE_SEQUENCE] < sequence:
            first = middle + 1
        else:
            end = middle
    return first


@jit_borrowed_internal
def _first_fill_before(
    memory: np.ndarray, selection: FillSelection, fill: int, link: int, end: int
) -> int:
    """The newest fill of a list whose trade's number is below ``end``, 0 when none is kept.

    ``fill``: the newest of the list; ``link``: the word that names the next older one.
    """
    if end <= memory[HEADER_TRADES_SEEN] - memory[HEADER_TRADES_MAXIMUM]:
        return 0
    if end < memory[HEADER_TRADES_SEEN]:
        # a fill of this list in the first trade that is too new names the one that is wanted
        fill_row = _trade_address(memory, end) + TRADE_FILLS
        for _ in range(2):
            mine = memory[fill_row + FILL_ACCOUNT] == selection.account
            if mine and (
                link == FILL_OLDER_OF_ACCOUNT or memory[fill_row + FILL_ORDER] == selection.order_id
            ):
                fill = memory[fill_row + link]
                break
            fill_row += FILL_WORDS
    while fill != 0 and _trade_number(fill) >= end:
        trade = _trade_of(memory, fill)
        if trade == 0:
            return 0
        fill = memory[_fill_row(trade, fill) + link]
    return fill


@jit_borrowed
def find_fills(memory: np.ndarray, selection: FillSelection, found: np.ndarray) -> int:
    """Numbers of an account's newest fills into ``found`` (int64[limit + 2]); how many.

    Both fills of a trade of an account with itself are on one page, which then has one more than
    its limit. The last element of ``found`` becomes the sequence before which the next page goes
    on, -1: there is none.
    """
    limit = found.shape[0] - 2
    found[limit + 1] = -1
    looks = selection.looks
    fill = memory[account_row_of(memory, selection.account) + ACCOUNT_NEWEST_FILL]
    link = FILL_OLDER_OF_ACCOUNT
    if selection.order_id != 0:
        order = find_order(memory, selection.order_id)
        if order != 0:
            if field_of(memory, order, ORDER_ACCOUNT) != selection.account:
                return 0
            fill = memory[order + ORDER_NEWEST_FILL]
            link = FILL_OLDER_OF_ORDER
    if selection.before_sequence >= 0:
        end = _trade_before(memory, selection.before_sequence)
        fill = _first_fill_before(memory, selection, fill, link, end)
    count, last = 0, 0
    while True:
        trade = _trade_of(memory, fill)
        if trade == 0:
            return count
        if (count >= limit or looks <= 0) and _trade_number(fill) != _trade_number(last):
            found[limit + 1] = memory[_trade_of(memory, last) + TRADE_SEQUENCE]
            return count
        fill_row = _fill_row(trade, fill)
        instrument = field_of(memory, trade, TRADE_INSTRUMENT)
        if (selection.instrument == 0 or selection.instrument == instrument) and (
            selection.order_id == 0 or selection.order_id == memory[fill_row + FILL_ORDER]
        ):
            found[count] = fill
            count += 1
        last = fill
        looks -= 1
        fill = memory[fill_row + link]


# --- after loading --------------------------------------------------------------------------------


@jit_borrowed
def rebuild_indexes(memory: np.ndarray) -> None:
    """Fill the three indexes, which are empty, from the positions and orders."""
    for number in range(memory[HEADER_POSITIONS_USED]):
        position = memory[HEADER_POSITIONS] + number * POSITION_WORDS
        account = field_of(memory, position, POSITION_ACCOUNT_NUMBER)
        instrument = field_of(memory, position, POSITION_INSTRUMENT_NUMBER)
        place = position_place(memory, account, instrument)
        while memory[memory[HEADER_POSITION_INDEX] + place] != 0:
            place = (place + 1) & memory[HEADER_POSITION_MASK]
        memory[memory[HEADER_POSITION_INDEX] + place] = position
    for number in range(memory[HEADER_ORDERS_USED]):
        order = memory[HEADER_ORDERS] + number * ORDER_WORDS
        bucket = order_bucket(memory, memory[order + ORDER_ID])
        memory[order + ORDER_CHAINS] = memory[bucket]
        memory[bucket] = order
        session = field_of(memory, order, ORDER_SESSION)
        token_0, token_1 = memory[order + ORDER_TOKEN_0], memory[order + ORDER_TOKEN_1]
        bucket = token_bucket(memory, session, token_0, token_1)
        # the newest first, as they came
        other, before = memory[bucket], 0
        while other != 0 and memory[other + ORDER_ID] > memory[order + ORDER_ID]:
            before, other = other, high(memory[other + ORDER_CHAINS])
        set_high(memory, order + ORDER_CHAINS, other)
        if before == 0:
            memory[bucket] = order
        else:
            set_high(memory, before + ORDER_CHAINS, order)
