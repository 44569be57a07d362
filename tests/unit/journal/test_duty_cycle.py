"""The journaler's duty cycle: which events are durable. The agent's tests run all of it."""

from __future__ import annotations

import numpy as np

from journal.duty_cycle import first_not_durable

EVENT = np.dtype(
    [
        ("sequence", "<i8"),
        ("command", "<i8"),
        ("value", "<i8", 13),
        ("kind", "u1"),
        ("pad", "u1", 7),
    ]
)


SEED = 99


def test_first_not_durable_equals_a_linear_search() -> None:
    generator = np.random.default_rng(SEED)
    for _ in range(200):
        count = int(generator.integers(0, 64))
        first = int(generator.integers(0, 1000))
        ring = np.zeros(64, EVENT)
        commands = np.sort(generator.integers(0, 20, count))
        for i in range(count):
            ring["command"][(first + i) & 63] = commands[i]
        durable = int(generator.integers(0, 21))
        expected = first + int((commands < durable).sum())
        found = first_not_durable(ring.view(np.int64), first, first + count, durable, 16, 1)
        assert found == expected
