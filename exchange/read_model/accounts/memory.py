"""The account model's memory as a whole: made, dumped, loaded, and what changed taken out of it.

Who uses it: ``accounts.py``. Nothing here is done per event. The memory is drawn in
``accounts_layout.py``.
"""

from __future__ import annotations

import os

import numpy as np

from exchange.read_model.accounts import layout
from exchange.read_model.accounts.find import rebuild_indexes
from exchange.read_model.accounts.types import AccountModelCapacity, Dirty

FORMAT = 3  # of the memory; raised with every change of what a word means
_WORDS_MAXIMUM = 1 << 31  # addresses share a word in pairs
_LINE_WORDS = 8


def _power_of_two(least: int) -> int:
    return 1 << max(0, least - 1).bit_length()


def make_memory(capacity: AccountModelCapacity, track_dirty: bool) -> np.ndarray:
    """Empty memory (int64); the system provides it only where it is touched.

    Raises ValueError for a capacity that is too small to mean anything or too large.
    """
    for name in capacity.__struct_fields__:
        if getattr(capacity, name) < 2:
            raise ValueError(f"{name}: {getattr(capacity, name)}; at least 2 are needed")
    trades = capacity.fills // 2
    account_words = layout.account_words(capacity.currencies)
    position_index = _power_of_two(2 * capacity.positions)
    order_index = _power_of_two(2 * capacity.orders)
    token_index = _power_of_two(capacity.orders)
    balances = capacity.accounts * (capacity.currencies + 1)
    end = layout.HEADER_WORDS
    header: dict[int, int] = {}
    for word, size in (
        (layout.H_CURRENCIES, capacity.currencies * layout.CURRENCY_WORDS),
        (layout.H_INSTRUMENTS, capacity.instruments * layout.INSTRUMENT_WORDS),
        (layout.H_SESSIONS, capacity.sessions * layout.SESSION_WORDS),
        (layout.H_ACCOUNTS, capacity.accounts * account_words),
        (layout.H_POSITIONS, capacity.positions * layout.POSITION_WORDS),
        (layout.H_ORDERS, capacity.orders * layout.ORDER_WORDS),
        (layout.H_TRADES, trades * layout.TRADE_WORDS),
        (layout.H_POSITION_INDEX, position_index),
        (layout.H_ORDER_INDEX, order_index),
        (layout.H_TOKEN_INDEX, token_index),
        (layout.H_DIRTY_ORDERS, capacity.orders if track_dirty else 0),
        (layout.H_DIRTY_ACCOUNTS, balances if track_dirty else 0),
        (layout.H_DIRTY_POSITIONS, capacity.positions if track_dirty else 0),
        (layout.H_END, 0),
    ):
        header[word] = end
        end += -(-size // _LINE_WORDS) * _LINE_WORDS
    if end > _WORDS_MAXIMUM:
        raise ValueError(f"{capacity} needs {8 * end:,} bytes; at most 16 GiB can be addressed")
    header |= {
        layout.H_TOKEN_SEED: int.from_bytes(os.urandom(7), "little"),
        layout.H_TRACK_DIRTY: int(track_dirty),
        layout.H_ACCOUNT_WORDS: account_words,
        layout.H_CURRENCIES_MAXIMUM: capacity.currencies,
        layout.H_INSTRUMENTS_MAXIMUM: capacity.instruments,
        layout.H_SESSIONS_MAXIMUM: capacity.sessions,
        layout.H_ACCOUNTS_MAXIMUM: capacity.accounts,
        layout.H_POSITIONS_MAXIMUM: capacity.positions,
        layout.H_ORDERS_MAXIMUM: capacity.orders,
        layout.H_TRADES_MAXIMUM: trades,
        layout.H_POSITION_MASK: position_index - 1,
        layout.H_ORDER_MASK: order_index - 1,
        layout.H_TOKEN_MASK: token_index - 1,
    }
    whole = np.zeros(end + _LINE_WORDS, np.int64)
    start = -(whole.ctypes.data // 8) % _LINE_WORDS  # records begin at cache lines
    memory = whole[start : start + end]
    for word, value in header.items():
        memory[word] = value
    return memory


def layout_text(capacity: AccountModelCapacity, track_dirty: bool) -> str:
    """What another memory must be like to load what this one dumps."""
    sizes = " ".join(f"{name}={getattr(capacity, name)}" for name in capacity.__struct_fields__)
    return f"accounts format={FORMAT} {sizes} track_dirty={int(track_dirty)}"


# --- dump and load --------------------------------------------------------------------------------


def _parts(m: np.ndarray) -> dict[str, tuple[int, int]]:
    """First word and size of everything that is not derived from the rest."""
    word = m[: layout.HEADER_WORDS].tolist()
    trades = min(word[layout.H_TRADES_SEEN], word[layout.H_TRADES_MAXIMUM])
    return {
        "accounts_tables": (0, word[layout.H_POSITIONS]),
        "accounts_positions": (
            word[layout.H_POSITIONS],
            word[layout.H_POSITIONS_USED] * layout.POSITION_WORDS,
        ),
        "accounts_orders": (
            word[layout.H_ORDERS],
            word[layout.H_ORDERS_USED] * layout.ORDER_WORDS,
        ),
        "accounts_trades": (word[layout.H_TRADES], trades * layout.TRADE_WORDS),
        "accounts_dirty_orders": (
            word[layout.H_DIRTY_ORDERS],
            word[layout.H_DIRTY_ORDERS_COUNT],
        ),
        "accounts_dirty_accounts": (
            word[layout.H_DIRTY_ACCOUNTS],
            word[layout.H_DIRTY_ACCOUNTS_COUNT],
        ),
        "accounts_dirty_positions": (
            word[layout.H_DIRTY_POSITIONS],
            word[layout.H_DIRTY_POSITIONS_COUNT],
        ),
    }


def dumped(m: np.ndarray) -> dict[str, np.ndarray]:
    """Everything, as views of the memory."""
    return {name: m[at : at + size] for name, (at, size) in _parts(m).items()}


# header words that a memory has from the beginning
_FIXED = [
    *range(layout.H_ACCOUNT_WORDS, layout.H_ACCOUNT_WORDS + 1),
    *range(layout.H_CURRENCIES_MAXIMUM, layout.H_POSITIONS_USED),
    layout.H_TRACK_DIRTY,
]


def load_dumped(m: np.ndarray, arrays: dict[str, np.ndarray]) -> None:
    """Fill an empty memory with what ``dumped`` gave. Raises ValueError when it does not fit."""
    tables = arrays.get("accounts_tables")
    if tables is None or tables.shape != (int(m[layout.H_POSITIONS]),):
        raise ValueError("the accounts' tables are missing or of another size")
    if not np.array_equal(m[_FIXED], tables[_FIXED]):
        raise ValueError("the accounts' tables are of a model with other capacities")
    for name, (_, size) in _parts(tables).items():
        if name not in arrays or arrays[name].shape != (size,):
            raise ValueError(f"{name} is missing or is not of {size} words")
    for name, (at, size) in _parts(tables).items():
        m[at : at + size] = arrays[name]
    rebuild_indexes(m)


# --- what changed ---------------------------------------------------------------------------------


def take_dirty(m: np.ndarray) -> Dirty:
    """What changed since the last call, each once; the marks are taken off."""
    orders = _take(m, layout.H_DIRTY_ORDERS, layout.H_DIRTY_ORDERS_COUNT)
    m[orders + layout.O_WHAT] &= ~layout.FLAG_DIRTY
    positions = _take(m, layout.H_DIRTY_POSITIONS, layout.H_DIRTY_POSITIONS_COUNT)
    m[positions + layout.P_DIRTY] = 0
    names = m[positions + layout.P_NAME]
    return Dirty(
        orders=m[orders + layout.O_ID],
        accounts=_take_accounts(m),
        positions=np.stack([names >> 16, names & layout.SHORT], axis=1),
    )


def _take(m: np.ndarray, dirty_list: int, dirty_count: int) -> np.ndarray:
    start, count = int(m[dirty_list]), int(m[dirty_count])
    m[dirty_count] = 0
    return m[start : start + count].copy()


def _take_accounts(m: np.ndarray) -> np.ndarray:
    """Rows (account, currency), sorted; a changed account comes with all currencies it has had."""
    rows = _take(m, layout.H_DIRTY_ACCOUNTS, layout.H_DIRTY_ACCOUNTS_COUNT)
    account, word = np.divmod(rows - m[layout.H_ACCOUNTS], m[layout.H_ACCOUNT_WORDS])
    is_account = word == 0
    m[rows + np.where(is_account, layout.A_DIRTY, layout.B_DIRTY)] = 0
    currency = np.maximum(word - layout.A_BALANCES, 0) // layout.BALANCE_WORDS
    balances = layout.A_BALANCES + layout.BALANCE_WORDS * np.arange(m[layout.H_CURRENCIES_MAXIMUM])
    used = m[rows[is_account][:, None] + balances + layout.B_UPDATED_NS] != 0
    which, also = np.nonzero(used)
    names = np.unique(
        np.concatenate([account << 16 | currency, account[is_account][which] << 16 | also])
    )
    return np.stack([names >> 16, names & layout.SHORT], axis=1)
