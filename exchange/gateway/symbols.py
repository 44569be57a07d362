"""Symbol table of order entry: 8-byte stock symbols to instrument ids, and price scaling.

Who writes: the gateway, for each INSTRUMENT_DEFINED event. Who reads: decoder.py and encoder.py.

A symbol is the 8 bytes of the wire (left-justified, space-padded) loaded little-endian as a u64.
Open addressing with linear probing; slot value 0 = empty (instrument 0 is "none"). The table has at
least twice as many slots as instruments, so a probe always ends.

Prices: the wire counts 1/10,000; an instrument counts its own minor unit, 10 ** -price_decimals.
With ``scale = 10 ** |price_decimals - 4|``:
    price_decimals >= 4:  minor = wire * scale          wire = minor / scale
    price_decimals <  4:  minor = wire / scale (exact)  wire = minor * scale
``price_scale[instrument]`` is ``+scale`` in the first case, ``-scale`` in the second.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from exchange.gateway.ouch import PRICE_DECIMALS, PRICE_MAXIMUM
from ringbuffer.jit import jit_borrowed, jit_borrowed_inline

# 2**32 / golden ratio and a second odd number (Fibonacci hashing of each half)
_LOW_MULTIPLIER = np.uint64(0x9E3779B1)
_HIGH_MULTIPLIER = np.uint64(0x85EBCA77)
_HALF = np.uint64(0xFFFFFFFF)
PRICE_NOT_REPRESENTABLE = -1


class SymbolTable(NamedTuple):
    """Hot loops take the arrays out once: each access to a tuple's member counts references."""

    slots: np.ndarray  # int32[2**k]: instrument id, 0 = empty
    symbol: np.ndarray  # uint64[instruments]: wire bytes of each instrument's symbol
    price_scale: np.ndarray  # int64[instruments]: see above


def create_symbol_table(instrument_capacity: int) -> SymbolTable:
    size = 4
    while size < 2 * instrument_capacity:
        size *= 2
    return SymbolTable(
        np.zeros(size, np.int32),
        np.zeros(instrument_capacity, np.uint64),
        np.ones(instrument_capacity, np.int64),
    )


@jit_borrowed_inline
def _home(symbol: np.uint64, size: int) -> int:
    # 32 by 32 bits: no product overflows, so the JIT and plain Python agree
    low = (np.uint64(symbol) & _HALF) * _LOW_MULTIPLIER
    high = (np.uint64(symbol) >> np.uint64(32)) * _HIGH_MULTIPLIER
    return np.int64((low ^ high) >> np.uint64(24)) & (size - 1)


@jit_borrowed_inline
def find_instrument(slots: np.ndarray, symbols: np.ndarray, symbol: np.uint64) -> int:
    """Instrument id of ``symbol``, 0 when there is none. Takes the table's arrays, see there."""
    size = slots.shape[0]
    slot = _home(symbol, size)
    while True:
        instrument = slots[slot]
        if instrument == 0 or symbols[instrument] == symbol:
            return np.int64(instrument)
        slot = (slot + 1) & (size - 1)


@jit_borrowed
def _insert(table: SymbolTable, instrument: int, symbol: np.uint64) -> None:
    size = table.slots.shape[0]
    slot = _home(symbol, size)
    while table.slots[slot] != 0:
        slot = (slot + 1) & (size - 1)
    table.symbol[instrument] = symbol
    table.slots[slot] = instrument


def add_instrument(
    table: SymbolTable, instrument: int, symbol: np.uint64, price_decimals: int
) -> bool:
    """Add an instrument; False when its symbol belongs to another one already (it keeps it)."""
    if price_decimals >= PRICE_DECIMALS:
        table.price_scale[instrument] = 10 ** (price_decimals - PRICE_DECIMALS)
    else:
        table.price_scale[instrument] = -(10 ** (PRICE_DECIMALS - price_decimals))
    known = find_instrument(table.slots, table.symbol, symbol)
    if known == instrument:
        return True
    if known:
        table.symbol[instrument] = symbol  # still named in its own messages
        return False
    _insert(table, instrument, symbol)
    return True


@jit_borrowed_inline
def price_from_wire(scale: int, wire: int) -> int:
    """Price in minor units, or PRICE_NOT_REPRESENTABLE."""
    if scale > 0:
        return wire * scale
    if wire % -scale != 0:
        return PRICE_NOT_REPRESENTABLE
    return wire // -scale


@jit_borrowed_inline
def price_to_wire(scale: int, price: int) -> int:
    """Price in 1/10,000, cut to what the wire can say (0 .. 0x7FFFFFFE)."""
    wire = price // scale if scale > 0 else price * -scale
    return max(np.int64(0), min(np.int64(wire), np.int64(PRICE_MAXIMUM)))
