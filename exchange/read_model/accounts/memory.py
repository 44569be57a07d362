"""The account model's memory as a whole: made, dumped, loaded, and what changed taken out of it.

Who uses it: ``model.py``. Nothing here is done per event. The memory is drawn in ``layout.py``.
"""

from __future__ import annotations

import os

import numpy as np

from exchange.read_model.accounts import layout
from exchange.read_model.accounts.enlarge import can_be_enlarged, enlarged
from exchange.read_model.accounts.kernel.find import rebuild_indexes
from exchange.read_model.accounts.sizes import LINE_WORDS, index_words, place_tables
from exchange.read_model.accounts.types import AccountModelCapacity, Dirty

FORMAT = 4  # of the memory; raised with every change of what a word means
_CURRENCY_BITS = 16  # of a changed balance's name: account and currency in one number


def make_memory(capacity: AccountModelCapacity, track_dirty: bool) -> np.ndarray:
    """Empty memory (int64); the system provides it only where it is touched.

    Raises ValueError for a capacity that is too small to mean anything or too large.
    """
    header = place_tables(capacity, track_dirty)
    end = header[layout.HEADER_END]
    header |= {
        layout.HEADER_TOKEN_SEED: int.from_bytes(os.urandom(7), "little"),
        layout.HEADER_TRACK_DIRTY: int(track_dirty),
        layout.HEADER_ACCOUNT_WORDS: layout.account_words(capacity.currencies),
        layout.HEADER_CURRENCIES_MAXIMUM: capacity.currencies,
        layout.HEADER_INSTRUMENTS_MAXIMUM: capacity.instruments,
        layout.HEADER_SESSIONS_MAXIMUM: capacity.sessions,
        layout.HEADER_ACCOUNTS_MAXIMUM: capacity.accounts,
        layout.HEADER_POSITIONS_MAXIMUM: capacity.positions,
        layout.HEADER_ORDERS_MAXIMUM: capacity.orders,
        layout.HEADER_TRADES_MAXIMUM: capacity.fills // 2,
        layout.HEADER_POSITION_MASK: index_words(2 * capacity.positions) - 1,
        layout.HEADER_ORDER_MASK: index_words(2 * capacity.orders) - 1,
        layout.HEADER_TOKEN_MASK: index_words(capacity.orders) - 1,
    }
    whole = np.zeros(end + LINE_WORDS, np.int64)
    start = -(whole.ctypes.data // 8) % LINE_WORDS  # records begin at cache lines
    memory = whole[start : start + end]
    for word, value in header.items():
        memory[word] = value
    return memory


def layout_text(capacity: AccountModelCapacity, track_dirty: bool) -> str:
    """The format and the sizes, of which another memory needs as much to load what this dumps."""
    sizes = " ".join(f"{name}={getattr(capacity, name)}" for name in capacity.__struct_fields__)
    return f"accounts format={FORMAT} {sizes} track_dirty={int(track_dirty)}"


# --- dump and load --------------------------------------------------------------------------------


def _parts(memory: np.ndarray) -> dict[str, tuple[int, int]]:
    """First word and size of everything that is not derived from the rest."""
    word = memory[: layout.HEADER_WORDS].tolist()
    trades = min(word[layout.HEADER_TRADES_SEEN], word[layout.HEADER_TRADES_MAXIMUM])
    return {
        "accounts_tables": (0, word[layout.HEADER_POSITIONS]),
        "accounts_positions": (
            word[layout.HEADER_POSITIONS],
            word[layout.HEADER_POSITIONS_USED] * layout.POSITION_WORDS,
        ),
        "accounts_orders": (
            word[layout.HEADER_ORDERS],
            word[layout.HEADER_ORDERS_USED] * layout.ORDER_WORDS,
        ),
        "accounts_trades": (word[layout.HEADER_TRADES], trades * layout.TRADE_WORDS),
        "accounts_dirty_orders": (
            word[layout.HEADER_DIRTY_ORDERS],
            word[layout.HEADER_DIRTY_ORDERS_COUNT],
        ),
        "accounts_dirty_accounts": (
            word[layout.HEADER_DIRTY_ACCOUNTS],
            word[layout.HEADER_DIRTY_ACCOUNTS_COUNT],
        ),
        "accounts_dirty_positions": (
            word[layout.HEADER_DIRTY_POSITIONS],
            word[layout.HEADER_DIRTY_POSITIONS_COUNT],
        ),
    }


def dumped(memory: np.ndarray) -> dict[str, np.ndarray]:
    """Everything, as views of the memory."""
    return {name: memory[at : at + size] for name, (at, size) in _parts(memory).items()}


# header words that a memory has from the beginning
_FIXED = [
    layout.HEADER_ACCOUNT_WORDS,
    *range(layout.HEADER_CURRENCIES_MAXIMUM, layout.HEADER_POSITIONS_USED),
    layout.HEADER_TRACK_DIRTY,
]


def load_dumped(memory: np.ndarray, arrays: dict[str, np.ndarray]) -> None:
    """Fill an empty memory with what ``dumped`` gave of one that was nowhere larger.

    Raises ValueError when it does not fit.
    """
    tables = arrays.get("accounts_tables")
    if tables is None or tables.ndim != 1 or len(tables) < layout.HEADER_WORDS:
        raise ValueError("the accounts' tables are missing or of another size")
    if not can_be_enlarged(tables, memory):
        raise ValueError("the accounts' tables are of a model with other capacities")
    for name, (_, size) in _parts(tables).items():
        if name not in arrays or arrays[name].shape != (size,):
            raise ValueError(f"{name} is missing or is not of {size} words")
    if not np.array_equal(memory[_FIXED], tables[_FIXED]):
        arrays = enlarged(arrays, memory, _FIXED)
        tables = arrays["accounts_tables"]
    for name, (at, size) in _parts(tables).items():
        memory[at : at + size] = arrays[name]
    rebuild_indexes(memory)


# --- what changed ---------------------------------------------------------------------------------


def take_dirty(memory: np.ndarray) -> Dirty:
    """Take the changes since the last call, each once; the marks are taken off."""
    orders = _take(memory, layout.HEADER_DIRTY_ORDERS, layout.HEADER_DIRTY_ORDERS_COUNT)
    memory[orders + layout.ORDER_PACKED] &= ~layout.FLAG_DIRTY
    positions = _take(memory, layout.HEADER_DIRTY_POSITIONS, layout.HEADER_DIRTY_POSITIONS_COUNT)
    memory[positions + layout.POSITION_DIRTY] = 0
    names = memory[positions + layout.POSITION_NAME]
    return Dirty(
        orders=memory[orders + layout.ORDER_ID],
        accounts=_take_accounts(memory),
        positions=_pairs_of(names, layout.POSITION_ACCOUNT_NUMBER.shift),
    )


def _take(memory: np.ndarray, dirty_list: int, dirty_count: int) -> np.ndarray:
    start, count = int(memory[dirty_list]), int(memory[dirty_count])
    memory[dirty_count] = 0
    return memory[start : start + count].copy()


def _take_accounts(memory: np.ndarray) -> np.ndarray:
    """Rows (account, currency), sorted; a changed account comes with all currencies it has had."""
    rows = _take(memory, layout.HEADER_DIRTY_ACCOUNTS, layout.HEADER_DIRTY_ACCOUNTS_COUNT)
    size = memory[layout.HEADER_ACCOUNT_WORDS]
    account, word = np.divmod(rows - memory[layout.HEADER_ACCOUNTS], size)
    is_account = word == 0
    memory[rows + np.where(is_account, layout.ACCOUNT_DIRTY, layout.BALANCE_DIRTY)] = 0
    currency = np.maximum(word - layout.ACCOUNT_BALANCES, 0) // layout.BALANCE_WORDS
    currencies = np.arange(memory[layout.HEADER_CURRENCIES_MAXIMUM])
    balances = layout.ACCOUNT_BALANCES + layout.BALANCE_WORDS * currencies
    used = memory[rows[is_account][:, None] + balances + layout.BALANCE_UPDATED_NS] != 0
    which, also = np.nonzero(used)
    accounts = np.concatenate([account, account[is_account][which]])
    names = np.unique(accounts << _CURRENCY_BITS | np.concatenate([currency, also]))
    return _pairs_of(names, _CURRENCY_BITS)


def _pairs_of(names: np.ndarray, bits: int) -> np.ndarray:
    """Names (int64) as rows (account, what is in their low ``bits``)."""
    return np.stack([names >> bits, names & ((1 << bits) - 1)], axis=1)
