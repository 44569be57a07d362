"""Look-ups in the account model's memory: an order, pages of orders and fills; its rebuilding.

Who uses it: ``accounts.py``. ``m`` and addresses as in ``accounts_lists.py``. Pages are newest
first and go on before the last one that the page before looked at; where that is still kept the
page begins there at once, otherwise the place has to be searched for. A page may end before it is
full when it has looked at many that were not wanted: nobody else is answered meanwhile.

Decision RDM-3.
"""

from __future__ import annotations

import numpy as np

from exchange.read_model.accounts.layout import (
    A_NEWEST_FILL,
    A_NEWEST_OPEN,
    A_NEWEST_ORDER,
    H_ORDER_INDEX,
    H_ORDER_MASK,
    H_ORDERS,
    H_ORDERS_USED,
    H_POSITION_INDEX,
    H_POSITION_MASK,
    H_POSITIONS,
    H_POSITIONS_USED,
    H_TRADES,
    H_TRADES_MAXIMUM,
    H_TRADES_SEEN,
    INSTRUMENT_SHIFT,
    O_CHAINS,
    O_ID,
    O_LINKS,
    O_NEWEST_FILL,
    O_OPEN,
    O_OPEN_LINKS,
    O_OWNER,
    O_TOKEN_0,
    O_TOKEN_1,
    O_WHAT,
    ORDER_WORDS,
    P_NAME,
    POSITION_WORDS,
    R_ACCOUNT,
    R_OLDER_OF_ACCOUNT,
    R_OLDER_OF_ORDER,
    R_ORDER,
    ROLE_WORDS,
    SESSION_SHIFT,
    SHORT,
    STATUS_MASK,
    T_ROLES,
    T_SEQUENCE,
    T_WHAT,
    TRADE_WORDS,
)
from exchange.read_model.accounts.lists import (
    account_at,
    find_order,
    high,
    low,
    position_of,
    position_place,
    set_high,
    token_bucket,
)
from ringbuffer.jit import jit_borrowed, jit_borrowed_inline

_PROBES = 1 << 12


@jit_borrowed
def order_address(m: np.ndarray, order_id: int) -> int:
    """Address of the order, 0 when it is unknown or no longer kept."""
    return find_order(m, order_id)


@jit_borrowed
def position_address(m: np.ndarray, account: int, instrument: int) -> int:
    """Address of the position, 0 when there is none."""
    return position_of(m, account, instrument, False)


@jit_borrowed
def _newest_below(m: np.ndarray, account: int, open_only: bool, order_id: int) -> int:
    """The order itself or one a little older that is in the account's list; 0: none is near.

    Ids lie close together, and so do their places in the index: trying many is cheap.
    """
    for lower in range(order_id, max(0, order_id - _PROBES), -1):
        at = find_order(m, lower)
        if at != 0 and low(m[at + O_OWNER]) == account and (not open_only or m[at + O_OPEN] != 0):
            return at
    return 0


@jit_borrowed
def find_orders(
    m: np.ndarray,
    account: int,
    instrument: int,
    statuses: int,
    open_only: bool,
    before_order_id: int,
    looks: int,
    found: np.ndarray,
) -> int:
    """Addresses of an account's newest orders into ``found``; how many.

    ``instrument`` 0: any; ``statuses``: bit per status, 0: any; ``before_order_id`` 0: from the
    newest on, else only orders with a lower id; ``looks``: at how many orders to look at most. The
    last element of ``found`` becomes the id before which the next page goes on, 0: there is none.
    """
    limit = found.shape[0] - 1
    row = account_at(m, account)
    links = O_OPEN_LINKS if open_only else O_LINKS
    at = m[row + (A_NEWEST_OPEN if open_only else A_NEWEST_ORDER)]
    if before_order_id != 0:
        near = _newest_below(m, account, open_only, before_order_id)
        at = near if near != 0 else at
        while at != 0 and m[at + O_ID] >= before_order_id:
            at = low(m[at + links])
    count, last = 0, 0
    while at != 0 and count < limit and looks > 0:
        looks -= 1
        last = m[at + O_ID]
        what = m[at + O_WHAT]
        if (instrument == 0 or (what >> INSTRUMENT_SHIFT) & SHORT == instrument) and (
            statuses == 0 or (statuses >> (what & STATUS_MASK)) & 1 != 0
        ):
            found[count] = at
            count += 1
        at = low(m[at + links])
    found[limit] = last if at != 0 else 0
    return count


# --- fills ----------------------------------------------------------------------------------------


@jit_borrowed_inline
def trade_of(m: np.ndarray, fill: int) -> int:
    """Address of the trade of a fill number, 0 when there is none or it is no longer kept."""
    number = (fill - 1) >> 1
    if fill == 0 or number < m[H_TRADES_SEEN] - m[H_TRADES_MAXIMUM]:
        return 0
    return m[H_TRADES] + number % m[H_TRADES_MAXIMUM] * TRADE_WORDS


@jit_borrowed_inline
def role_of(trade: int, fill: int) -> int:
    """Address of the fill's own words in its trade."""
    return trade + T_ROLES + ((fill - 1) & 1) * ROLE_WORDS


@jit_borrowed
def _trade_before(m: np.ndarray, sequence: int) -> int:
    """Number of the first kept trade whose sequence is not below ``sequence``."""
    seen, kept = m[H_TRADES_SEEN], m[H_TRADES_MAXIMUM]
    first, end = max(0, seen - kept), seen
    while first < end:
        middle = (first + end) >> 1
        if m[m[H_TRADES] + middle % kept * TRADE_WORDS + T_SEQUENCE] < sequence:
            first = middle + 1
        else:
            end = middle
    return first


@jit_borrowed
def find_fills(
    m: np.ndarray,
    account: int,
    instrument: int,
    order_id: int,
    before_sequence: int,
    looks: int,
    found: np.ndarray,
) -> int:
    """Numbers of an account's newest fills into ``found``; how many.

    ``instrument`` and ``order_id`` 0: any; ``before_sequence`` < 0: from the newest on; ``looks``
    as in ``find_orders``. Both fills of a trade of an account with itself are on one page, which
    then has one more than its limit: ``found`` is two longer. Its last element becomes the sequence
    before which the next page goes on, -1: there is none.
    """
    limit = found.shape[0] - 2
    found[limit + 1] = -1
    fill = m[account_at(m, account) + A_NEWEST_FILL]
    link = R_OLDER_OF_ACCOUNT
    if order_id != 0:
        order = find_order(m, order_id)
        if order != 0:
            if low(m[order + O_OWNER]) != account:
                return 0
            fill = m[order + O_NEWEST_FILL]
            link = R_OLDER_OF_ORDER
    if before_sequence >= 0:
        end = _trade_before(m, before_sequence)
        if end <= m[H_TRADES_SEEN] - m[H_TRADES_MAXIMUM]:
            return 0
        if end < m[H_TRADES_SEEN]:
            cursor = m[H_TRADES] + end % m[H_TRADES_MAXIMUM] * TRADE_WORDS + T_ROLES
            for _ in range(2):
                mine = m[cursor + R_ACCOUNT] == account
                if mine and (link == R_OLDER_OF_ACCOUNT or m[cursor + R_ORDER] == order_id):
                    fill = m[cursor + link]
                    break
                cursor += ROLE_WORDS
        while fill != 0 and (fill - 1) >> 1 >= end:
            trade = trade_of(m, fill)
            if trade == 0:
                return 0
            fill = m[role_of(trade, fill) + link]
    count, last = 0, 0
    while True:
        trade = trade_of(m, fill)
        if trade == 0:
            return count
        if (count >= limit or looks <= 0) and (fill - 1) >> 1 != (last - 1) >> 1:
            found[limit + 1] = m[trade_of(m, last) + T_SEQUENCE]
            return count
        own = role_of(trade, fill)
        if (instrument == 0 or m[trade + T_WHAT] & SHORT == instrument) and (
            order_id == 0 or m[own + R_ORDER] == order_id
        ):
            found[count] = fill
            count += 1
        last = fill
        looks -= 1
        fill = m[own + link]


# --- after loading --------------------------------------------------------------------------------


@jit_borrowed
def rebuild_indexes(m: np.ndarray) -> None:
    """Fill the three indexes, which are empty, from the positions and orders."""
    for number in range(m[H_POSITIONS_USED]):
        at = m[H_POSITIONS] + number * POSITION_WORDS
        name = m[at + P_NAME]
        place = position_place(m, name >> 16, name & SHORT)
        while m[m[H_POSITION_INDEX] + place] != 0:
            place = (place + 1) & m[H_POSITION_MASK]
        m[m[H_POSITION_INDEX] + place] = at
    for number in range(m[H_ORDERS_USED]):
        at = m[H_ORDERS] + number * ORDER_WORDS
        bucket = m[H_ORDER_INDEX] + (m[at + O_ID] & m[H_ORDER_MASK])
        m[at + O_CHAINS] = m[bucket]
        m[bucket] = at
        session = (m[at + O_OWNER] >> SESSION_SHIFT) & SHORT
        bucket = token_bucket(m, session, m[at + O_TOKEN_0], m[at + O_TOKEN_1])
        # the newest first, as they came
        other, before = m[bucket], 0
        while other != 0 and m[other + O_ID] > m[at + O_ID]:
            before, other = other, high(m[other + O_CHAINS])
        set_high(m, at + O_CHAINS, other)
        if before == 0:
            m[bucket] = at
        else:
            set_high(m, before + O_CHAINS, at)
