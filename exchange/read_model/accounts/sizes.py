"""Where the tables of an account model's memory begin, and whether they can be addressed.

Who uses it: ``memory.py``, and the check of a configuration, which must not compile anything.
"""

from __future__ import annotations

from exchange.read_model.accounts import layout
from exchange.read_model.accounts.types import AccountModelCapacity

WORDS_MAXIMUM = 1 << 31  # addresses share a word in pairs
LINE_WORDS = 8  # of a cache line


def index_words(least: int) -> int:
    """The size of an index with at least so many words: a power of two."""
    return 1 << max(0, least - 1).bit_length()


def place_tables(capacity: AccountModelCapacity, track_dirty: bool) -> dict[int, int]:
    """The first word of each table, by its HEADER_... word; HEADER_END: of what is behind all.

    Raises ValueError for a capacity that is too small to mean anything or too large.
    """
    for name in capacity.__struct_fields__:
        if getattr(capacity, name) < 2:
            raise ValueError(f"{name}: {getattr(capacity, name)}; at least 2 are needed")
    account_words = layout.account_words(capacity.currencies)
    balances = capacity.accounts * (capacity.currencies + 1)
    end = layout.HEADER_WORDS
    placed: dict[int, int] = {}
    for word, size in (
        (layout.HEADER_CURRENCIES, capacity.currencies * layout.CURRENCY_WORDS),
        (layout.HEADER_INSTRUMENTS, capacity.instruments * layout.INSTRUMENT_WORDS),
        (layout.HEADER_SESSIONS, capacity.sessions * layout.SESSION_WORDS),
        (layout.HEADER_ACCOUNTS, capacity.accounts * account_words),
        (layout.HEADER_POSITIONS, capacity.positions * layout.POSITION_WORDS),
        (layout.HEADER_ORDERS, capacity.orders * layout.ORDER_WORDS),
        (layout.HEADER_TRADES, capacity.fills // 2 * layout.TRADE_WORDS),
        (layout.HEADER_POSITION_INDEX, index_words(2 * capacity.positions)),
        (layout.HEADER_ORDER_INDEX, index_words(2 * capacity.orders)),
        (layout.HEADER_TOKEN_INDEX, index_words(capacity.orders)),
        (layout.HEADER_DIRTY_ORDERS, capacity.orders if track_dirty else 0),
        (layout.HEADER_DIRTY_ACCOUNTS, balances if track_dirty else 0),
        (layout.HEADER_DIRTY_POSITIONS, capacity.positions if track_dirty else 0),
        (layout.HEADER_END, 0),
    ):
        placed[word] = end
        end += -(-size // LINE_WORDS) * LINE_WORDS
    if end > WORDS_MAXIMUM:
        raise ValueError(f"tables of {8 * end:,} bytes; at most 16 GiB can be addressed")
    return placed
