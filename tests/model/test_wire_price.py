"""Replaces whose price counts 1/10,000, as order entry sends them: matcher against naive twin."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from exchange.codes import FLAG_WIRE_PRICE, CommandKind, EventKind
from tests.model.comparison import compare_stream
from tests.model.generators.orders import EPISODES, Generator

SEED = 88
COMMANDS = 60_000


def with_wire_prices(chunks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """The same commands; the price of a Replace in 1/10,000 of one of several scales."""
    source = np.random.default_rng(SEED)
    for chunk in chunks:
        slots = chunk.copy()
        replaces = (slots["kind"] == CommandKind.REPLACE) & (slots["flags"] == 1)
        factors = source.choice([1, 100, 10_000], len(slots))
        prices = np.clip(slots["price"], 0, 1 << 40) * factors
        slots["price"][replaces] = np.clip(prices, 0, 0x7FFFFFFE)[replaces]
        slots["flags"][replaces] |= FLAG_WIRE_PRICE
        yield slots


def test_wire_prices_of_replaces() -> None:
    print(f"seed {SEED}")
    generator = Generator(SEED, EPISODES[0])
    stream = with_wire_prices(generator.chunks(COMMANDS))
    comparison = compare_stream(EPISODES[0].capacities, stream, f"seed {SEED}")
    replaced = sum(n for (kind, _), n in comparison.seen.items() if kind == EventKind.REPLACED)
    assert replaced > 100
