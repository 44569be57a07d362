"""What a smaller account model dumped, as a larger one would have dumped it.

Who uses it: ``memory.py``, when a checkpoint is read after a start with larger capacities: the
events before it may be gone. Records keep their order within each table, so an address moves by as
much as its table does. The ring of trades is laid out anew. Fills that the smaller ring had dropped
cannot come back, and nothing may name them: the larger one would take them for kept.
"""

from __future__ import annotations

import itertools

import numpy as np

from exchange.read_model.accounts import layout

# tables whose records are named by address, in the order of the memory, and what says their size
_TABLES = (
    (layout.HEADER_CURRENCIES, layout.HEADER_CURRENCIES_MAXIMUM),
    (layout.HEADER_INSTRUMENTS, layout.HEADER_INSTRUMENTS_MAXIMUM),
    (layout.HEADER_SESSIONS, layout.HEADER_SESSIONS_MAXIMUM),
    (layout.HEADER_ACCOUNTS, layout.HEADER_ACCOUNTS_MAXIMUM),
    (layout.HEADER_POSITIONS, layout.HEADER_POSITIONS_MAXIMUM),
    (layout.HEADER_ORDERS, layout.HEADER_ORDERS_MAXIMUM),
)
_SIZES = (*(maximum for _, maximum in _TABLES), layout.HEADER_TRADES_MAXIMUM)
_SAME = (
    layout.HEADER_ACCOUNT_WORDS,
    layout.HEADER_CURRENCIES_MAXIMUM,
    layout.HEADER_TRACK_DIRTY,
)
# of the header, words that are neither sizes nor places of tables
_HEADER_ADDRESSES = (
    layout.HEADER_CLOSED_OLDEST,
    layout.HEADER_CLOSED_NEWEST,
    layout.HEADER_VICTIM,
)
_ACCOUNT_ADDRESSES = (
    layout.ACCOUNT_NEWEST_ORDER,
    layout.ACCOUNT_NEWEST_OPEN,
    layout.ACCOUNT_NEWEST_POSITION,
    layout.ACCOUNT_CLOSED_OLDEST,
    layout.ACCOUNT_CLOSED_NEWEST,
)
_POSITION_ADDRESSES = (
    layout.POSITION_BALANCE,
    layout.POSITION_INSTRUMENT,
    layout.POSITION_ACCOUNT,
    layout.POSITION_OLDER,
)
_ORDER_ADDRESSES = (layout.ORDER_POSITION,)
# two addresses in a word; of a closed order the second is one address, below 2^32 as all are
_ORDER_PAIRS = (layout.ORDER_LINKS, layout.ORDER_OPEN_LINKS)
_FILL_LINKS = tuple(
    layout.TRADE_FILLS + role * layout.FILL_WORDS + link
    for role in range(2)
    for link in (layout.FILL_OLDER_OF_ACCOUNT, layout.FILL_OLDER_OF_ORDER)
)
_DIRTY_LISTS = ("accounts_dirty_orders", "accounts_dirty_accounts", "accounts_dirty_positions")


def can_be_enlarged(old: np.ndarray, new: np.ndarray) -> bool:
    """Whether a memory with header ``new`` has room for all that one with header ``old`` has."""
    same, sizes = list(_SAME), list(_SIZES)
    return bool((old[same] == new[same]).all() and (old[sizes] <= new[sizes]).all())


def enlarged(
    arrays: dict[str, np.ndarray], memory: np.ndarray, fixed: list[int]
) -> dict[str, np.ndarray]:
    """``arrays``, which ``dumped`` gave of a smaller memory, as one laid out as ``memory`` would.

    ``fixed``: header words that a memory has from the beginning. Only where ``can_be_enlarged``.
    """
    tables = arrays["accounts_tables"]
    old, new = tables[: layout.HEADER_WORDS], memory[: layout.HEADER_WORDS].copy()
    moved = _Moved(old, new)
    changed = {name: array.copy() for name, array in arrays.items()}
    changed["accounts_tables"] = _tables(tables, new, moved, fixed)
    positions = changed["accounts_positions"].reshape(-1, layout.POSITION_WORDS)
    orders = changed["accounts_orders"].reshape(-1, layout.ORDER_WORDS)
    for column in _POSITION_ADDRESSES:
        positions[:, column] = moved(positions[:, column])
    for column in _ORDER_ADDRESSES:
        orders[:, column] = moved(orders[:, column])
    for column in _ORDER_PAIRS:
        low, high = orders[:, column] & layout.HALF, orders[:, column] >> layout.HALF_BITS
        orders[:, column] = moved(low) | moved(high) << layout.HALF_BITS
    _forget_fills(orders, (layout.ORDER_NEWEST_FILL,), old)
    changed["accounts_trades"] = _trades(arrays["accounts_trades"], old, new)
    for name in _DIRTY_LISTS:
        changed[name] = moved(changed[name])
    return changed


class _Moved:
    """Addresses in the larger memory of addresses in the smaller one; 0 stays "none"."""

    def __init__(self, old: np.ndarray, new: np.ndarray) -> None:
        places = [place for place, _ in _TABLES]
        self._starts = old[places]
        self._shifts = new[places] - self._starts

    def __call__(self, addresses: np.ndarray) -> np.ndarray:
        table = np.searchsorted(self._starts, addresses, side="right") - 1
        found: np.ndarray = np.where(addresses == 0, 0, addresses + self._shifts[table])
        return found


def _tables(tables: np.ndarray, new: np.ndarray, moved: _Moved, fixed: list[int]) -> np.ndarray:
    """The header and the tables before the positions."""
    old = tables[: layout.HEADER_WORDS]
    result = np.zeros(int(new[layout.HEADER_POSITIONS]), np.int64)
    header = result[: layout.HEADER_WORDS]
    header[:] = old
    header[fixed] = new[fixed]
    addresses = list(_HEADER_ADDRESSES)
    header[addresses] = moved(old[addresses])
    for (place, _), (behind, _) in itertools.pairwise(_TABLES[:5]):
        start, size = int(new[place]), int(old[behind] - old[place])
        size = min(size, int(new[behind]) - start)  # the last words are padding
        result[start : start + size] = tables[int(old[place]) :][:size]
    words = int(new[layout.HEADER_ACCOUNT_WORDS])
    start = int(new[layout.HEADER_ACCOUNTS])
    rows = result[start : start + words * int(old[layout.HEADER_ACCOUNTS_MAXIMUM])]
    accounts = rows.reshape(-1, words)
    for column in _ACCOUNT_ADDRESSES:
        accounts[:, column] = moved(accounts[:, column])
    _forget_fills(accounts, (layout.ACCOUNT_NEWEST_FILL,), old)
    return result


def _forget_fills(rows: np.ndarray, columns: tuple[int, ...], old: np.ndarray) -> None:
    """Take out fill numbers (2 x trade + role + 1) of trades that the smaller ring has dropped."""
    first_kept = int(old[layout.HEADER_TRADES_SEEN] - old[layout.HEADER_TRADES_MAXIMUM])
    for column in columns:
        rows[(rows[:, column] - 1) >> 1 < first_kept, column] = 0


def _trades(trades: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """The ring: the trade with number n lies at n modulo its size."""
    seen = int(old[layout.HEADER_TRADES_SEEN])
    size, larger = (int(header[layout.HEADER_TRADES_MAXIMUM]) for header in (old, new))
    numbers = np.arange(max(0, seen - size), seen)
    result = np.zeros((min(seen, larger), layout.TRADE_WORDS), np.int64)
    result[numbers % larger] = trades.reshape(-1, layout.TRADE_WORDS)[numbers % size]
    _forget_fills(result, _FILL_LINKS, old)
    return result.reshape(-1)
