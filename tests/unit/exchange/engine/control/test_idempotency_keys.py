"""Idempotency keys: the last 65,536 are remembered, no others."""

from __future__ import annotations

import numpy as np

from exchange.codes import CommandKind, EventKind, Reject, Scope
from exchange.engine.control import idempotency_keys as keys
from exchange.engine.invariants.money import check_pools
from exchange.engine.state.layout import IDEMPOTENCY_KEYS, KEYS_USED
from exchange.engine.state.pointers import Rings, make_links, make_view
from ringbuffer.jit import jit
from tests.harness.small_engine import Exchange, administer, opened


@jit
def remember_many(state: object, rings: object, first: int, end: int) -> int:
    """Remember the keys (n, 7 * n) from ``first`` to ``end``; how many were known before."""
    view = make_view(state, rings)
    known = 0
    for number in range(first, end):
        if keys.key_used(view, number, 7 * number):
            known += 1
        else:
            keys.remember_key(view, number, 7 * number)
    return known


@jit
def known_among(state: object, rings: object, first: int, end: int) -> int:
    """How many of these keys are remembered."""
    view = make_view(state, rings)
    known = 0
    for number in range(first, end):
        known += 1 if keys.key_used(view, number, 7 * number) else 0
    return known


def arrays(exchange: Exchange) -> tuple[object, object]:
    rings = Rings(
        exchange.ring, exchange.events, 0, exchange.cursors, exchange.wakeups, make_links()
    )
    return exchange.state, rings


def kill(key: str | None) -> np.ndarray:
    return administer(CommandKind.KILL, key, {"scope": Scope.EXCHANGE})


def test_a_key_is_remembered_until_65536_others_came() -> None:
    exchange = opened()
    assert exchange.run(kill("the key"))["kind"].tolist() == [
        EventKind.KILL_SWITCHED,
        EventKind.CONTROL_DONE,
    ]
    assert remember_many(*arrays(exchange), 1, IDEMPOTENCY_KEYS) == 0
    again = exchange.run(kill("the key"))
    assert again["kind"].tolist() == [EventKind.CONTROL_REJECTED]
    assert again["reason"][0] == Reject.DUPLICATE_KEY
    assert remember_many(*arrays(exchange), IDEMPOTENCY_KEYS, IDEMPOTENCY_KEYS + 1) == 0
    check_pools(exchange.state)
    assert exchange.run(kill("the key"))["kind"][-1] == EventKind.CONTROL_DONE
    check_pools(exchange.state)


def test_exactly_the_last_ones_are_known() -> None:
    exchange = opened()
    count = IDEMPOTENCY_KEYS + 20_000
    assert remember_many(*arrays(exchange), 1, count + 1) == 0
    assert int(exchange.state.scalars[KEYS_USED]) == count
    check_pools(exchange.state)
    oldest = count + 1 - IDEMPOTENCY_KEYS
    assert known_among(*arrays(exchange), 1, oldest) == 0
    assert known_among(*arrays(exchange), oldest, count + 1) == IDEMPOTENCY_KEYS


def test_no_key_is_no_key() -> None:
    exchange = opened()
    for _ in range(3):
        assert exchange.run(kill(None))["kind"].tolist() == [EventKind.KILL_SWITCHED]


def test_keys_that_differ_in_one_byte_are_different() -> None:
    exchange = opened()
    names = ["a" * at + "b" + "a" * (13 - at) for at in range(14)]
    for name in names:
        assert exchange.run(kill(name))["kind"][-1] == EventKind.CONTROL_DONE
    for name in names:
        assert exchange.run(kill(name))["kind"].tolist() == [EventKind.CONTROL_REJECTED]
