"""The ledger on the model tests' random streams: entries add up to the balances of a twin.

Streams have deposits, withdrawals, trades with fees and rebates, auctions, short sales, trades of
an account with itself and of the fee account.
"""

from __future__ import annotations

import numpy as np
import pytest

from exchange.codes import EventKind
from exchange.read_model.accounts.ledger_model import (
    CAUSES,
    LedgerEntry,
    LedgerModel,
    LedgerSelection,
)
from exchange.read_model.accounts.model import AccountModel
from exchange.recovery.ledger import Ledger
from tests.unit.exchange.read_model.accounts.account_streams import (
    capacity,
    in_pieces,
    stream_of,
)


@pytest.fixture(scope="module", params=[51, 52])
def stream(request: pytest.FixtureRequest) -> np.ndarray:
    return stream_of(request.param)


def followed(events: np.ndarray, **sizes: int) -> LedgerModel:
    movements = {"movements": sizes.pop("movements")} if "movements" in sizes else {}
    model = LedgerModel(capacity(**sizes), **movements)
    for piece in in_pieces(events, np.random.default_rng(7)):
        model.apply(piece.copy())
    return model


def all_entries(model: LedgerModel, selection: LedgerSelection, limit: int) -> list[LedgerEntry]:
    """All pages; each goes on where the one before ends."""
    found: list[LedgerEntry] = []
    while True:
        page = model.ledger_page(selection, limit)
        assert len(page.entries) < limit + 5
        found += page.entries
        if page.before_sequence is None:
            return found
        assert selection.before_sequence is None or (
            page.before_sequence < selection.before_sequence
        )
        selection = selection._replace(before_sequence=page.before_sequence, balances=page.balances)


def check_entries(model: LedgerModel, ledger: Ledger, entries: list[LedgerEntry], account: int):
    """Entries from the first event on: they add up, and each says the balance after it."""
    sums: dict[int, int] = {}
    for entry in reversed(entries):
        assert entry.amount != 0 or entry.cause in ("deposit", "withdrawal")
        sums[entry.currency] = sums.get(entry.currency, 0) + entry.amount
        assert entry.balance == sums[entry.currency], entry
    for currency in ledger.currencies:
        assert sums.get(currency, 0) == ledger.balance(account, currency).balance


def test_entries_add_up_to_the_balances(stream: np.ndarray):
    model, ledger = followed(stream), Ledger()
    ledger.apply(stream)
    assert model.complete_from == 0
    causes: set[str] = set()
    for account in model.accounts():
        entries = all_entries(model, LedgerSelection(account), 7)
        sequences = [entry.sequence for entry in entries]
        assert sequences == sorted(sequences, reverse=True)
        check_entries(model, ledger, entries, account)
        assert entries == all_entries(model, LedgerSelection(account), 10_000)
        for currency in ledger.currencies:
            own = [entry for entry in entries if entry.currency == currency]
            assert all_entries(model, LedgerSelection(account, currency), 5) == own
        causes |= {entry.cause for entry in entries}
    assert set(CAUSES) - causes <= {"withdrawal"}  # which a short stream may lack


def test_entries_between_two_times(stream: np.ndarray):
    model = followed(stream)
    for account in model.accounts():
        entries = all_entries(model, LedgerSelection(account), 100)
        times = sorted({entry.timestamp_ns for entry in entries})
        if len(times) < 4:
            continue
        for low, high in ((times[1], times[-1]), (0, times[len(times) // 2]), (times[2], 1 << 62)):
            selection = LedgerSelection(account, None, low, high)
            found = all_entries(model, selection, 9)
            wanted = [entry for entry in entries if low <= entry.timestamp_ns < high]
            assert [each._replace(balance=None) for each in found] == [
                each._replace(balance=None) for each in wanted
            ]
            # what is told of balances is right, and all of it when the newest are not left out
            for ours, theirs in zip(found, wanted, strict=True):
                assert ours.balance in (None, theirs.balance)
                assert ours.balance is not None or high < 1 << 62


def test_what_is_no_longer_kept(stream: np.ndarray):
    whole = followed(stream)
    for sizes in ({"fills": 100}, {"movements": 3}, {"fills": 60, "movements": 5}):
        model = followed(stream, **sizes)
        complete_from = model.complete_from
        assert complete_from > 0
        for account in model.accounts():
            entries = all_entries(model, LedgerSelection(account), 11)
            expected = all_entries(whole, LedgerSelection(account), 1000)
            kept = [entry for entry in entries if entry.sequence >= complete_from]
            assert kept == [entry for entry in expected if entry.sequence >= complete_from]
            older = {(e.sequence, e.cause, e.amount, e.order_id): e.balance for e in expected}
            for entry in entries[len(kept) :]:
                right = older[entry.sequence, entry.cause, entry.amount, entry.order_id]
                assert entry.balance in (None, right)


def test_a_dump_in_the_middle(stream: np.ndarray):
    cut = len(stream) // 2
    first = followed(stream[:cut])
    loaded, old = LedgerModel(capacity()), AccountModel(capacity())
    loaded.load({name: array.copy() for name, array in first.dump().items()})
    old.load({name: array.copy() for name, array in first.dump().items()})  # which has no ledger
    upgraded = LedgerModel(capacity())
    upgraded.load({name: array.copy() for name, array in old.dump().items()})
    assert upgraded.complete_from == old.next_event
    for model in (loaded, upgraded):
        model.apply(stream[cut:].copy())
    whole = followed(stream)
    for account in whole.accounts():
        expected = all_entries(whole, LedgerSelection(account), 50)
        assert all_entries(loaded, LedgerSelection(account), 50) == expected
        found = all_entries(upgraded, LedgerSelection(account), 50)
        newer = [entry for entry in expected if entry.sequence >= cut]
        assert found[: len(newer)] == newer
    with pytest.raises(ValueError, match="movements"):
        LedgerModel(capacity()).load(
            first.dump() | {"accounts_movements": np.zeros((2, 3), np.int64)}
        )


def test_a_larger_model_goes_on(stream: np.ndarray):
    cut = len(stream) // 2
    small = followed(stream[:cut], fills=100)
    large = LedgerModel(capacity(fills=2000))
    large.load({name: array.copy() for name, array in small.dump().items()})
    assert large.complete_from == small.complete_from > 0
    large.apply(stream[cut:].copy())
    whole = followed(stream)
    for account in whole.accounts():
        expected = all_entries(whole, LedgerSelection(account), 50)
        newer = [entry for entry in expected if entry.sequence >= large.complete_from]
        assert all_entries(large, LedgerSelection(account), 50)[: len(newer)] == newer


def test_no_account_has_an_entry_of_another(stream: np.ndarray):
    model = followed(stream)
    moved = stream[(stream["kind"] == EventKind.BALANCE_CHANGED) & (stream["instrument"] == 0)]
    for account in model.accounts():
        entries = all_entries(model, LedgerSelection(account), 50)
        own = {int(event["sequence"]) for event in moved if event["account"] == account}
        assert {e.sequence for e in entries if e.cause in ("deposit", "withdrawal")} == own
        for entry in entries:
            if entry.order_id:
                order = model.order(entry.order_id)
                assert order is not None and order.account == account
