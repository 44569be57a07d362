"""The chain hash of the naive exchange: XXH64 from the package xxhash, where that is installed.

The tests have it, so that the hash has an oracle that shares no code with ours. `scripts/soak` also
runs in an environment that `scripts/up` made, which lacks it; there our own XXH64 counts, and the
events are compared as ever.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from journal import xxh64


class Chain(Protocol):
    """XXH64 of everything that it was given."""

    def update(self, data: bytes) -> None: ...

    def intdigest(self) -> int: ...


class OwnChain:
    """Of whole events only: their size is a multiple of a stripe's."""

    def __init__(self) -> None:
        self._state = xxh64.new_state()

    def update(self, data: bytes) -> None:
        """Add events."""
        words = np.frombuffer(data, np.int64)
        xxh64.update_stripes(self._state, words, 0, len(words))

    def intdigest(self) -> int:
        """The hash so far, unsigned."""
        return xxh64.unsigned(int(xxh64.digest(self._state)))


def new_chain() -> Chain:
    """The chain of no event."""
    try:
        import xxhash
    except ModuleNotFoundError:
        return OwnChain()
    chain: Chain = xxhash.xxh64(seed=0)
    return chain
