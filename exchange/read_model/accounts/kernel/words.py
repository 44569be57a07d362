"""Fields and halves of 64-bit words in the account model's memory and in events.

Who uses it: every module of the package. Several fields share a word; a ``Field``
(``exchange/records.py``) says which bits are whose. With a constant field all of it is one
instruction or two.
"""

from __future__ import annotations

import numpy as np

from exchange.read_model.accounts.layout import HALF, HALF_BITS
from exchange.records import Field
from ringbuffer.jit import jit_borrowed_inline_internal

HIGH_HALF = ~HALF


@jit_borrowed_inline_internal
def field_of(words: np.ndarray, row: int, field: Field) -> int:
    """A field of the record that begins at ``row`` of ``words`` (int64): unsigned below 64 bits."""
    return (words[row + field.word] >> field.shift) & field.mask


@jit_borrowed_inline_internal
def set_field(words: np.ndarray, row: int, field: Field, value: int) -> None:
    """Change a field of the record at ``row`` of ``words`` (int64) and no other of its word."""
    at = row + field.word
    words[at] = (words[at] & ~(field.mask << field.shift)) | (value << field.shift)


@jit_borrowed_inline_internal
def low(word: int) -> int:
    """The low half of a word: 32 bits, unsigned."""
    return word & HALF


@jit_borrowed_inline_internal
def high(word: int) -> int:
    """The high half of a word: 32 bits, unsigned."""
    return (word >> HALF_BITS) & HALF


@jit_borrowed_inline_internal
def set_low(memory: np.ndarray, at: int, address: int) -> None:
    """Put ``address`` (below 2^32) into the low half of word ``at``."""
    memory[at] = (memory[at] & HIGH_HALF) | address


@jit_borrowed_inline_internal
def set_high(memory: np.ndarray, at: int, address: int) -> None:
    """Put ``address`` (below 2^31) into the high half of word ``at``."""
    memory[at] = (memory[at] & HALF) | (address << HALF_BITS)
