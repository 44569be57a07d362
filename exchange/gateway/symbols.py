"""Symbol table of order entry: 8-byte stock symbols to instrument ids, and price scaling.

Who writes: the gateway, for each INSTRUMENT_DEFINED event. Who reads: decoder.py and encoder.py,
through symbol_lookup.py.

A symbol is the 8 bytes of the wire (left-justified, space-padded) loaded little-endian as a u64.
Open addressing with linear probing; bucket value 0 = empty (instrument 0 is "none"). The table has
at least twice as many buckets as instruments, so a probe always ends.

Prices: the wire counts 1/10,000; an instrument counts its own minor unit, 10 ** -price_decimals.
With ``scale = 10 ** |price_decimals - 4|``:
    price_decimals >= 4:  minor = wire * scale          wire = minor / scale
    price_decimals <  4:  minor = wire / scale (exact)  wire = minor * scale
``price_scale[instrument]`` is ``+scale`` in the first case, ``-scale`` in the second.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from exchange.gateway.protocol.ouch import PRICE_DECIMALS
from exchange.gateway.symbol_lookup import find_instrument, insert_symbol


class SymbolTable(NamedTuple):
    """The table's arrays; see the top of this file."""

    buckets: np.ndarray  # int32[2**k]: instrument id, 0 = empty
    symbol: np.ndarray  # uint64[instruments]: wire bytes of each instrument's symbol
    price_scale: np.ndarray  # int64[instruments]


def create_symbol_table(instrument_capacity: int) -> SymbolTable:
    """An empty table for instruments below ``instrument_capacity``."""
    size = 4
    while size < 2 * instrument_capacity:
        size *= 2
    return SymbolTable(
        np.zeros(size, np.int32),
        np.zeros(instrument_capacity, np.uint64),
        np.ones(instrument_capacity, np.int64),
    )


def add_instrument(
    table: SymbolTable, instrument: int, symbol: np.uint64, price_decimals: int
) -> bool:
    """Add an instrument; False when its symbol belongs to another one already (it keeps it)."""
    assert 0 < instrument < len(table.symbol), "instrument 0 means none"
    if price_decimals >= PRICE_DECIMALS:
        table.price_scale[instrument] = 10 ** (price_decimals - PRICE_DECIMALS)
    else:
        table.price_scale[instrument] = -(10 ** (PRICE_DECIMALS - price_decimals))
    known = int(find_instrument(table.buckets, table.symbol, symbol))
    if known == instrument:
        return True
    if known:
        table.symbol[instrument] = symbol  # still named in its own messages
        return False
    insert_symbol(table.buckets, table.symbol, instrument, symbol)
    return True
