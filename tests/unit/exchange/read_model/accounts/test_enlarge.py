"""A larger account model goes on from what a smaller one dumped, as if it had seen all events."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from exchange.read_model.accounts import layout
from exchange.read_model.accounts.enlarge import can_be_enlarged
from exchange.read_model.accounts.memory import make_memory
from exchange.read_model.accounts.model import AccountModel
from exchange.read_model.accounts.types import AccountModelCapacity
from tests.unit.exchange.read_model.accounts.account_streams import (
    ACCOUNTS,
    all_fills,
    all_orders,
    capacity,
    stream_of,
)

ROOMY = capacity(orders=1 << 14, fills=1 << 14)
LARGER = {name: 2 * getattr(ROOMY, name) + 10 for name in ROOMY.__struct_fields__}
GROWN = AccountModelCapacity(**LARGER | {"currencies": ROOMY.currencies})


@pytest.fixture(scope="module")
def stream() -> np.ndarray:
    return stream_of(61)


def comparable(model: AccountModel) -> dict[str, np.ndarray]:
    """A dump without what the seed of the token index decides."""
    arrays = {name: array.copy() for name, array in model.dump().items()}
    arrays["accounts_tables"][layout.HEADER_TOKEN_SEED] = 0
    arrays["accounts_orders"].reshape(-1, layout.ORDER_WORDS)[:, layout.ORDER_CHAINS] = 0
    return arrays


@pytest.mark.parametrize("track_dirty", [False, True])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_it_has_every_word_where_a_large_one_has_it(
    stream: np.ndarray, share: float, track_dirty: bool
) -> None:
    cut = int(share * len(stream))
    small = AccountModel(ROOMY, track_dirty=track_dirty)
    large = AccountModel(GROWN, track_dirty=track_dirty)
    grown = AccountModel(GROWN, track_dirty=track_dirty)
    for model in (small, large):
        model.apply(stream[:cut].copy())
    dump = small.dump()
    before = {name: array.copy() for name, array in dump.items()}
    grown.load(dump)
    assert all(np.array_equal(before[name], dump[name]) for name in dump), "it is left alone"
    for events in (stream[:0], stream[cut:]):
        for model in (large, grown):
            model.apply(events.copy())
        ours, theirs = comparable(grown), comparable(large)
        assert ours.keys() == theirs.keys()
        for name, array in ours.items():
            assert np.array_equal(array, theirs[name]), name
    assert large.evicted_order_count == 0 and large.dump()["accounts_trades"].any()
    for account in ACCOUNTS:
        for order in all_orders(large, account):
            found = grown.order_by_token(order.session, order.token)
            assert found == large.order_by_token(order.session, order.token)


def test_what_the_smaller_had_dropped_stays_away_and_the_rest_is_listed(
    stream: np.ndarray,
) -> None:
    tight = capacity(orders=300, fills=40)  # few enough for the short stream of plain Python, too
    small = AccountModel(tight)
    cut = len(stream) // 2
    small.apply(stream[:cut].copy())
    kept = {
        account: (all_orders(small, account), all_fills(small, account)) for account in ACCOUNTS
    }
    assert small.evicted_order_count > 0
    grown = AccountModel(GROWN)
    grown.load(small.dump())
    for account, (orders, fills) in kept.items():
        assert all_orders(grown, account) == orders
        assert all_fills(grown, account) == fills
        assert grown.account(account) == small.account(account)
        assert grown.positions(account) == small.positions(account)
        assert grown.fills(account, before_sequence=0) == []
        for order in orders[:50]:
            assert all_fills(grown, account, order_id=order.order_id) == all_fills(
                small, account, order_id=order.order_id
            )
    assert sum(len(fills) for _, fills in kept.values()) == 40
    # and goes on, and is dumped and loaded once more
    large = AccountModel(GROWN)
    for model in (grown, large):
        model.apply((stream[cut:] if model is grown else stream).copy())
    again = AccountModel(GROWN)
    again.load(grown.dump())
    first = int(stream["sequence"][cut])
    for account in ACCOUNTS:
        assert again.account(account) == large.account(account)
        assert again.positions(account) == large.positions(account)
        newer = [fill for fill in all_fills(large, account) if fill.sequence >= first]
        assert all_fills(again, account)[: len(newer)] == newer
        live = all_orders(large, account, open_only=True)
        assert all_orders(again, account, open_only=True) == live


@pytest.mark.parametrize("name", ROOMY.__struct_fields__)
def test_nothing_may_be_smaller(name: str) -> None:
    memory = make_memory(ROOMY, False)
    smaller = msgspec.structs.replace(ROOMY, **{name: getattr(ROOMY, name) - 2})
    assert not can_be_enlarged(memory, make_memory(smaller, False))
    assert not can_be_enlarged(memory, make_memory(GROWN, True))
    assert can_be_enlarged(memory, make_memory(GROWN, False)) and can_be_enlarged(memory, memory)
