"""The account model that also knows what each balance came from: deposits, trades, fees.

Who uses it: the API, for ``GET /ledger``. Trades and fees are the fills that the account model
keeps; deposits and withdrawals are in a ring of their own (``movements.py``); the fees that a
currency's fee account has taken in are those of the kept trades. Nothing is stored twice and
nothing is done for a trade.

Invariants: from ``complete_from`` on no entry is missing, so the entries from there on add up to
what the balance has changed by. A page is bounded in time: it looks at as many fills, movements and
trades as it may have entries, and says where to go on.

Decision API-23.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from exchange.codes import Side
from exchange.read_model.accounts import layout
from exchange.read_model.accounts.model import AccountModel
from exchange.read_model.accounts.movements import (
    AFTER,
    CHANGE,
    CURRENCY,
    MOVEMENTS_KEPT,
    SEQUENCE,
    TIMESTAMP_NS,
    Movements,
)
from exchange.read_model.accounts.types import AccountModelCapacity, Fill

DEPOSIT, WITHDRAWAL, TRADE, FEE, FEE_INCOME = CAUSES = (
    "deposit",
    "withdrawal",
    "trade",
    "fee",
    "fee_income",
)
_MOVEMENTS = "accounts_movements"  # its array in a checkpoint
_LAST = (1 << 63) - 1


class LedgerEntry(NamedTuple):
    """A change of a balance. ``cause``: one of CAUSES; ``amount``: signed, in minor units.

    ``balance``: after it; None where it cannot be told. ``instrument``, ``order_id``, ``trade_id``:
    0 of deposits and withdrawals; ``order_id`` 0 also of FEE_INCOME.
    """

    sequence: int
    timestamp_ns: int
    currency: int
    amount: int
    cause: str
    instrument: int = 0
    order_id: int = 0
    trade_id: int = 0
    balance: int | None = None


class LedgerSelection(NamedTuple):
    """Entries that are asked for: of an account, also in one currency; from_ns <= time < to_ns.

    ``before_sequence``: of older events only, to go on after a page. ``balances``: what a page
    before has said about the balance of each currency at that event.
    """

    account: int
    currency: int | None = None
    from_ns: int = 0
    to_ns: int = _LAST
    before_sequence: int | None = None
    balances: Mapping[int, int] | None = None


class LedgerPage(NamedTuple):
    """Entries, newest first. ``before_sequence``: to go on from here; None: all seen.

    ``balances``: of each currency before the page's oldest entry, for the next page.
    """

    entries: list[LedgerEntry]
    before_sequence: int | None
    balances: dict[int, int]


class _Part(NamedTuple):
    """What one source has: entries, newest first, and where it stopped; None: at its end."""

    entries: list[LedgerEntry]
    before_sequence: int | None


class LedgerModel(AccountModel):
    """See the module. ``movements``: deposits and withdrawals that are kept."""

    def __init__(self, capacity: AccountModelCapacity, *, movements: int = MOVEMENTS_KEPT) -> None:
        super().__init__(capacity)
        self._movements = Movements(movements)

    def apply(self, events: np.ndarray) -> None:
        """As AccountModel's."""
        before = self.next_event
        super().apply(events)
        if len(events) and self.next_event > before:
            self._movements.learn(events[before - int(events["sequence"][0]) :])

    def dump(self) -> dict[str, np.ndarray]:
        """As AccountModel's; a model without movements can load it."""
        return super().dump() | {_MOVEMENTS: self._movements.dump()}

    def load(self, arrays: dict[str, np.ndarray]) -> None:
        """As AccountModel's; of a dump without movements they begin where it ends."""
        super().load(arrays)
        self._movements.load(arrays.get(_MOVEMENTS), self.next_event)

    # --- the ledger -------------------------------------------------------------------------------

    @property
    def complete_from(self) -> int:
        """The event from which on no entry is missing."""
        first = self._first_trade()
        end = self._header(layout.HEADER_TRADES_SEEN)
        trades = self._trade_word(first, layout.TRADE_SEQUENCE) if 0 < first < end else 0
        return max(trades, self._movements.complete_from)

    def ledger_page(self, selection: LedgerSelection, limit: int) -> LedgerPage:
        """The newest entries that ``selection`` asks for; bounded in time.

        Entries of one event are never on two pages: there may be four more than ``limit``. A page
        may have fewer, or none, while others follow. Raises KeyError for a number that no account
        can have.
        """
        # of one event the last entry first: fees come in when both sides have paid
        parts = [
            *self._fee_parts(selection, limit),
            self._fill_part(selection, limit),
            self._movement_part(selection, limit),
        ]
        stops = [part.before_sequence for part in parts if part.before_sequence is not None]
        horizon = max(stops, default=-1)
        entries = [entry for part in parts for entry in part.entries if entry.sequence >= horizon]
        entries.sort(key=lambda entry: entry.sequence, reverse=True)  # stable
        size = len(entries)
        if size > limit:
            last = entries[limit - 1].sequence
            size = next((i for i in range(limit, size) if entries[i].sequence != last), size)
            if size < len(entries):
                horizon = last
        balances = dict(selection.balances or self._balances(selection))
        entries = list(self._with_balances(entries[:size], balances))
        return LedgerPage(entries, horizon if horizon >= 0 else None, balances)

    def _balances(self, selection: LedgerSelection) -> dict[int, int]:
        """The balances before which nothing has been left out: those of now, or none."""
        if selection.before_sequence is not None or selection.to_ns <= self.last_timestamp_ns:
            return {}
        balances = self.account(selection.account).balances
        wanted = selection.currency
        return {number: each[0] for number, each in balances.items() if wanted in (None, number)}

    def _with_balances(
        self, entries: list[LedgerEntry], balances: dict[int, int]
    ) -> Iterator[LedgerEntry]:
        """The entries with the balance after each; ``balances`` go back in time with them."""
        complete_from = self.complete_from
        for entry in entries:
            if entry.sequence < complete_from:
                balances.clear()
            if entry.balance is not None:  # its event says it
                balances[entry.currency] = entry.balance
            balance = balances.get(entry.currency)
            if balance is not None:
                balances[entry.currency] = balance - entry.amount
            yield entry._replace(balance=balance)

    # --- where entries come from ------------------------------------------------------------------

    def _fill_part(self, selection: LedgerSelection, limit: int) -> _Part:
        """The account's own trades and their fees."""
        before = self._before(selection)
        page = self.fills_page(selection.account, before_sequence=before, limit=limit)
        entries: list[LedgerEntry] = []
        # the aggressor's side comes after the maker's, and is listed before it
        for fill in page.fills:
            if fill.timestamp_ns < selection.from_ns:
                return _Part(entries, None)
            currency, multiplier = self._currency_of(fill.instrument)
            if selection.currency in (None, currency):
                entries += _entries_of(fill, currency, multiplier)
        return _Part(entries, page.before_sequence)

    def _movement_part(self, selection: LedgerSelection, limit: int) -> _Part:
        """Deposits and withdrawals."""
        rows = self._movements.of(
            selection.account, selection.currency, selection.before_sequence, limit
        )
        more = int(rows[-1, SEQUENCE]) if len(rows) == limit else None
        times = rows[:, TIMESTAMP_NS]
        if (times < selection.from_ns).any():
            more = None
        rows = rows[(times >= selection.from_ns) & (times < selection.to_ns)]
        entries = [
            LedgerEntry(
                sequence=row[SEQUENCE],
                timestamp_ns=row[TIMESTAMP_NS],
                currency=row[CURRENCY],
                amount=row[CHANGE],
                cause=DEPOSIT if row[CHANGE] >= 0 else WITHDRAWAL,
                balance=row[AFTER],
            )
            for row in rows.tolist()
        ]
        return _Part(entries, more)

    def _fee_parts(self, selection: LedgerSelection, limit: int) -> Iterator[_Part]:
        """What a fee account has taken in (or given), of all trades of its currencies."""
        own = [
            currency.number
            for currency in self.currencies().values()
            if currency.fee_account == selection.account
            and selection.currency in (None, currency.number)
        ]
        if not own:
            return
        first, before = self._first_trade(), self._before(selection)
        end = self._header(layout.HEADER_TRADES_SEEN)
        if before is not None:
            end = self._first_trade_with(layout.TRADE_SEQUENCE, before)
        start = max(first, end - limit)
        numbers = np.arange(start, end) % self._header(layout.HEADER_TRADES_MAXIMUM)
        at = self._header(layout.HEADER_TRADES) + numbers[::-1] * layout.TRADE_WORDS
        rows = self._memory[at[:, None] + np.arange(layout.TRADE_WORDS)].tolist()
        entries: list[LedgerEntry] = []
        more = rows[-1][layout.TRADE_SEQUENCE] if rows and start > first else None
        for row in rows:
            if row[layout.TRADE_TIMESTAMP_NS] < selection.from_ns:
                more = None
                break
            instrument = layout.TRADE_INSTRUMENT.of(row)
            currency, _ = self._currency_of(instrument)
            fees = sum(
                row[layout.TRADE_FILLS + role * layout.FILL_WORDS + layout.FILL_FEE]
                for role in range(2)
            )
            if fees and currency in own:
                sequence = row[layout.TRADE_SEQUENCE]
                entries.append(
                    LedgerEntry(
                        sequence,
                        row[layout.TRADE_TIMESTAMP_NS],
                        currency,
                        fees,
                        FEE_INCOME,
                        instrument,
                        trade_id=sequence + 1,
                    )
                )
        yield _Part(entries, more)

    # --- looking things up ------------------------------------------------------------------------

    def _currency_of(self, instrument: int) -> tuple[int, int]:
        """Number of its currency, and what a unit at price 1 is in minor units of it."""
        at = self._header(layout.HEADER_INSTRUMENTS) + instrument * layout.INSTRUMENT_WORDS
        row = self._memory[at : at + layout.INSTRUMENT_WORDS]
        return int(row[layout.INSTRUMENT_CURRENCY]), int(row[layout.INSTRUMENT_MULTIPLIER])

    def _before(self, selection: LedgerSelection) -> int | None:
        """The event before which trades are looked for."""
        before = selection.before_sequence
        if selection.to_ns > self.last_timestamp_ns:
            return before
        number = self._first_trade_with(layout.TRADE_TIMESTAMP_NS, selection.to_ns)
        if number >= self._header(layout.HEADER_TRADES_SEEN):
            return before
        sequence = self._trade_word(number, layout.TRADE_SEQUENCE)
        return sequence if before is None else min(sequence, before)

    def _trade_word(self, number: int, word: int) -> int:
        place = number % self._header(layout.HEADER_TRADES_MAXIMUM)
        at = self._header(layout.HEADER_TRADES) + place * layout.TRADE_WORDS
        return int(self._memory[at + word])

    def _first_trade(self) -> int:
        """Number of the oldest trade that is kept."""
        return self._first_trade_with(layout.TRADE_SEQUENCE, 1)

    def _first_trade_with(self, word: int, least: int) -> int:
        """Number of the first kept trade whose ``word`` (which grows) is not below ``least``."""
        end = self._header(layout.HEADER_TRADES_SEEN)
        # a ring that was enlarged begins with empty rows
        first = max(0, end - self._header(layout.HEADER_TRADES_MAXIMUM))
        while first < end:
            middle = (first + end) >> 1
            if self._trade_word(middle, word) < least:
                first = middle + 1
            else:
                end = middle
        return first


def _entries_of(fill: Fill, currency: int, multiplier: int) -> Iterator[LedgerEntry]:
    """The fee of a fill, and before it what the trade itself moved."""
    value = fill.price * fill.quantity * multiplier
    traded = LedgerEntry(
        fill.sequence,
        fill.timestamp_ns,
        currency,
        -value if fill.side == Side.BUY else value,
        TRADE,
        fill.instrument,
        fill.order_id,
        fill.match_number,
    )
    if fill.fee:
        yield traded._replace(amount=-fill.fee, cause=FEE)
    yield traded
