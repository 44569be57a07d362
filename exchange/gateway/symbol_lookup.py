"""Looks up instruments by symbol and scales prices, jitted. symbols.py describes the table.

Who calls it: the decoder and the encoder for every message; symbols.py when it adds an instrument.
"""

from __future__ import annotations

import numpy as np

from exchange.gateway.protocol.ouch import PRICE_MAXIMUM
from ringbuffer.jit import jit_borrowed, jit_borrowed_inline

# 2**32 / golden ratio and a second odd number (Fibonacci hashing of each half)
_LOW_MULTIPLIER = np.uint64(0x9E3779B1)
_HIGH_MULTIPLIER = np.uint64(0x85EBCA77)
_HALF = np.uint64(0xFFFFFFFF)
PRICE_NOT_REPRESENTABLE = -1


@jit_borrowed_inline
def _home(symbol: np.uint64, size: int) -> int:
    """The bucket, of ``size`` (a power of two), where the search for ``symbol`` begins."""
    # 32 by 32 bits: no product overflows, so the JIT and plain Python agree
    low = (np.uint64(symbol) & _HALF) * _LOW_MULTIPLIER
    high = (np.uint64(symbol) >> np.uint64(32)) * _HIGH_MULTIPLIER
    return np.int64((low ^ high) >> np.uint64(24)) & (size - 1)


@jit_borrowed_inline
def find_instrument(buckets: np.ndarray, symbols: np.ndarray, symbol: np.uint64) -> int:
    """Instrument id of ``symbol`` (8 bytes of the wire as u64), 0 when there is none.

    ``buckets``: int32[power of two], ``symbols``: uint64[instruments], both of a SymbolTable.
    """
    size = buckets.shape[0]
    bucket = _home(symbol, size)
    while True:
        instrument = buckets[bucket]
        if instrument == 0 or symbols[instrument] == symbol:
            return np.int64(instrument)
        bucket = (bucket + 1) & (size - 1)


@jit_borrowed
def insert_symbol(
    buckets: np.ndarray, symbols: np.ndarray, instrument: int, symbol: np.uint64
) -> None:
    """Enter ``symbol``, which is not in the table, for ``instrument``. Arrays: as above."""
    size = buckets.shape[0]
    bucket = _home(symbol, size)
    while buckets[bucket] != 0:
        bucket = (bucket + 1) & (size - 1)
    symbols[instrument] = symbol
    buckets[bucket] = instrument


@jit_borrowed_inline
def price_from_wire(scale: int, wire: int) -> int:
    """Price in minor units, or PRICE_NOT_REPRESENTABLE. ``wire``: in 1/10,000."""
    if scale > 0:
        return wire * scale
    if wire % -scale != 0:
        return PRICE_NOT_REPRESENTABLE
    return wire // -scale


@jit_borrowed_inline
def price_to_wire(scale: int, price: int) -> int:
    """Price in 1/10,000, cut to what the wire can say (0 .. 0x7FFFFFFE). ``price``: minor units."""
    wire = price // scale if scale > 0 else price * -scale
    return max(np.int64(0), min(np.int64(wire), np.int64(PRICE_MAXIMUM)))
