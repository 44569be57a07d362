"""Many orders, balances or positions at once as rows of a structured array, for bulk readers.

Who uses it: ``model.py`` for the store, where an object of Python per order would cost too much.
The fields of a row are those of the structures in ``types.py``; each is a 64-bit word. A row that
is asked for and not there has the key 0 (``order_id``, ``account``).
"""

from __future__ import annotations

import numpy as np

from ringbuffer.jit import JIT_DISABLED

_ORDER_WORDS = (
    "order_id", "account", "session", "instrument", "side", "order_type", "time_in_force",
    "minimum_quantity", "display", "price", "stop_price", "display_quantity", "quantity", "open",
    "filled", "filled_before", "prevented", "filled_value", "status", "reason", "created_ns",
    "updated_ns",
    "filled_ns", "cancelled_ns", "replaces", "replaced_by",
)  # fmt: skip
_BALANCE_WORDS = (
    "account", "currency", "balance", "frozen", "daily_order_count", "daily_order_limit",
    "created_ns", "updated_ns", "blocked", "killed",
)  # fmt: skip
_POSITION_WORDS = (
    "account", "instrument", "quantity", "frozen", "total_cost", "open_buys", "open_shorts",
    "created_ns", "updated_ns",
)  # fmt: skip

# `token`: 14 bytes; numpy shows them without the two zeros behind them
ORDER_ROW = np.dtype([*((name, "<i8") for name in _ORDER_WORDS), ("token", "S16")])
BALANCE_ROW = np.dtype([(name, "<i8") for name in _BALANCE_WORDS])
POSITION_ROW = np.dtype([(name, "<i8") for name in _POSITION_WORDS])

# The same rows as compiled code fills them, by name; the token as the two words that the model has.
# Compiled code sets a record's fields as attributes; plain Python needs np.record for that.
ORDER_RECORD, BALANCE_RECORD, POSITION_RECORD = (
    np.dtype((np.record, layout)) if JIT_DISABLED else layout
    for layout in (
        np.dtype([(name, "<i8") for name in (*_ORDER_WORDS, "token_0", "token_1")]),
        BALANCE_ROW,
        POSITION_ROW,
    )
)

assert ORDER_RECORD.itemsize == ORDER_ROW.itemsize
