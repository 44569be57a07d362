"""The account model: every account's orders, fills, money and stock, from released events alone.

Who uses it: the API and the store. Its only input are events, in order: the same events give the
same answers, in every process and after every restart; it reads no clock. After the last event of a
command it equals the engine's state (``exchange/recovery/ledger.py`` is the same in plain Python).

A shell around one array of words (``layout.py``) and the compiled functions that work on it
(``kernel/``). Not for several threads at a time.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from exchange.codes import EventKind
from exchange.read_model.accounts import layout
from exchange.read_model.accounts.kernel.apply import apply_events
from exchange.read_model.accounts.kernel.find import (
    FillSelection,
    OrderSelection,
    find_fills,
    find_orders,
    order_address,
    position_address,
)
from exchange.read_model.accounts.kernel.lists import find_token
from exchange.read_model.accounts.kernel.rows import (
    fill_balance_rows,
    fill_order_rows,
    fill_position_rows,
)
from exchange.read_model.accounts.memory import (
    dumped,
    layout_text,
    load_dumped,
    make_memory,
    take_dirty,
)
from exchange.read_model.accounts.order_status import OrderStatus
from exchange.read_model.accounts.read import fill_of, order_at, position_at
from exchange.read_model.accounts.rows import (
    BALANCE_RECORD,
    BALANCE_ROW,
    ORDER_RECORD,
    ORDER_ROW,
    POSITION_RECORD,
    POSITION_ROW,
)
from exchange.read_model.accounts.types import (
    Account,
    AccountModelCapacity,
    Currency,
    Dirty,
    Fill,
    FillPage,
    Order,
    OrderPage,
    Position,
    ReadModelBroken,
    ReadModelFull,
)
from exchange.records import EVENT, TOKEN_BYTES, word_text

PPM = 1_000_000  # rates are parts of it

PAGE_MAXIMUM = 10_000
PAGE_LOOKS = 20_000  # orders or fills that one page looks at: about a millisecond
_UNLIMITED = 1 << 62
_INT64_MAXIMUM = (1 << 63) - 1
_TOKEN_HEAD_BYTES = 8  # of a token, in the first of its two words

_ERRORS = {
    layout.ERROR_UNKNOWN_ORDER: "names an order that does not live",
    layout.ERROR_UNKNOWN_SESSION: "names an unknown session",
    layout.ERROR_UNKNOWN_INSTRUMENT: "names an unknown instrument",
    layout.ERROR_UNKNOWN_CURRENCY: "names an unknown currency",
    layout.ERROR_ORDER_EXISTS: "makes an order that has come before",
    layout.ERROR_BALANCE: "says another balance or position than the events before it",
}
_FULL = {
    layout.ERROR_CURRENCIES: ("currencies", "has a currency number"),
    layout.ERROR_INSTRUMENTS: ("instruments", "has an instrument number"),
    layout.ERROR_SESSIONS: ("sessions", "has a session number"),
    layout.ERROR_ACCOUNTS: ("accounts", "has an account number"),
    layout.ERROR_POSITIONS: ("positions", "makes one more position"),
    layout.ERROR_ORDERS: ("orders", "makes one more order, all others live"),
}


class AccountModel:
    """See the module. ``next_event``: sequence of the event that ``apply`` expects."""

    def __init__(self, capacity: AccountModelCapacity, *, track_dirty: bool = False) -> None:
        """Reserve memory; it is taken from the system only as it is used.

        Raises ValueError for a capacity that is not positive or too large to be addressed.
        """
        self.capacity = capacity
        self._memory = make_memory(capacity, track_dirty)
        self._usernames: dict[str, int] = {}
        self._usernames_of = 0  # how many sessions they are of

    def _header(self, word: int) -> int:
        return int(self._memory[word])

    # --- the event stream -------------------------------------------------------------------------

    @property
    def next_event(self) -> int:
        return int(self._memory[layout.HEADER_NEXT_EVENT])

    @property
    def last_timestamp_ns(self) -> int:
        """Time of the last event applied."""
        return int(self._memory[layout.HEADER_LAST_NS])

    def apply(self, events: np.ndarray) -> None:
        """Follow ``events``: EVENT array, consecutive; what was seen before is passed over.

        Raises ReadModelBroken at a gap and at an event that fits nothing that was before it, and
        ReadModelFull (one of these) where a capacity is too small; the model then stays before
        that event and cannot go on.
        """
        if len(events) == 0:
            return
        first, last = int(events["sequence"][0]), int(events["sequence"][-1])
        expected = self.next_event
        if first > expected:
            raise ReadModelBroken(f"event {expected} is missing before event {first}")
        if last - first + 1 != len(events):
            raise ReadModelBroken(f"events {first} to {last} are not consecutive")
        if last < expected:
            return
        events = events[expected - first :]
        # one compiled version only: of arrays that may be written
        if not events.flags.writeable or not events.flags.c_contiguous:
            events = events.copy()
        applied = apply_events(self._memory, events.view(np.int64).reshape(-1))
        assert self.next_event == expected + applied, "an event was counted twice or not at all"
        if applied < len(events):
            self._refuse(events[applied])

    def _refuse(self, event: np.ndarray) -> None:
        kind = int(event["kind"])
        name = EventKind(kind).name if kind in set(EventKind) else str(kind)
        where = f"event {int(event['sequence'])} ({name})"
        error = self._header(layout.HEADER_ERROR)
        if error in _FULL:
            field, what = _FULL[error]
            raise ReadModelFull(
                f"{where} {what}; the read model has room for {getattr(self.capacity, field)} "
                f"{field}: configure more"
            )
        if error == layout.ERROR_NOT_TAKEN:
            raise ReadModelFull(
                f"{where} needs the place of an order whose last change nobody has taken: take "
                f"what changed more often, or configure more orders than {self.capacity.orders}"
            )
        raise ReadModelBroken(f"{where} {_ERRORS[error]}")

    # --- sessions, accounts, currencies -----------------------------------------------------------

    def account_of_session(self, session: int) -> int:
        """The account of a session, 0 when it is not defined."""
        if not 0 < session < self.capacity.sessions:
            return 0
        at = self._header(layout.HEADER_SESSIONS) + session * layout.SESSION_WORDS
        return int(self._memory[at + layout.SESSION_ACCOUNT])

    def session_by_username(self, username: str) -> int | None:
        """The session with this user name, None when there is none."""
        if self._usernames_of != self._header(layout.HEADER_SESSIONS_DEFINED):
            self._read_usernames()
        return self._usernames.get(username)

    def _read_usernames(self) -> None:
        start = self._header(layout.HEADER_SESSIONS)
        rows = self._memory[start : start + self.capacity.sessions * layout.SESSION_WORDS]
        rows = rows.reshape(-1, layout.SESSION_WORDS)
        self._usernames = {
            word_text(int(rows[session, layout.SESSION_USERNAME])): session
            for session in np.flatnonzero(rows[:, layout.SESSION_DEFINED]).tolist()
        }
        self._usernames_of = self._header(layout.HEADER_SESSIONS_DEFINED)

    @property
    def exchange_killed(self) -> bool:
        """Whether the kill switch of the whole exchange is on."""
        return bool(self._memory[layout.HEADER_EXCHANGE_KILLED])

    @property
    def live_order_count(self) -> int:
        return self._header(layout.HEADER_LIVE_ORDERS)

    @property
    def evicted_order_count(self) -> int:
        """Closed orders that were forgotten to make room."""
        return self._header(layout.HEADER_ORDERS_EVICTED)

    def accounts(self) -> list[int]:
        """Numbers of all accounts that have been opened, ascending."""
        start = self._header(layout.HEADER_ACCOUNTS)
        words = self._header(layout.HEADER_ACCOUNT_WORDS)
        rows = self._memory[start : start + self.capacity.accounts * words].reshape(-1, words)
        found: list[int] = np.flatnonzero(rows[:, layout.ACCOUNT_DEFINED]).tolist()
        return found

    def fee_rates(self, instruments: np.ndarray) -> np.ndarray:
        """Rates of maker and taker (ppm) of each of ``instruments`` (int64[n]): int64[n, 2]."""
        at = self._header(layout.HEADER_INSTRUMENTS) + instruments * layout.INSTRUMENT_WORDS
        rates = np.array([layout.INSTRUMENT_MAKER_RATE, layout.INSTRUMENT_TAKER_RATE])
        return np.asarray(self._memory[at[:, None] + rates])

    def currencies(self) -> dict[int, Currency]:
        """All currencies by number."""
        found = {}
        for number in range(1, self.capacity.currencies):
            at = self._header(layout.HEADER_CURRENCIES) + number * layout.CURRENCY_WORDS
            row = self._memory[at : at + layout.CURRENCY_WORDS].tolist()
            if row[layout.CURRENCY_DEFINED]:
                found[number] = Currency(
                    number,
                    word_text(row[layout.CURRENCY_CODE]),
                    row[layout.CURRENCY_DECIMALS],
                    row[layout.CURRENCY_FEE_ACCOUNT],
                )
        return found

    def _account_at(self, account: int) -> int:
        if not 0 < account < self.capacity.accounts:
            raise KeyError(f"account {account}: 1 to {self.capacity.accounts - 1} are possible")
        size = self._header(layout.HEADER_ACCOUNT_WORDS)
        return self._header(layout.HEADER_ACCOUNTS) + account * size

    def account(self, account: int) -> Account:
        """An account; one that has not been opened has nothing and ``created_ns`` 0.

        Raises KeyError for a number that no account can have.
        """
        at = self._account_at(account)
        row = self._memory[at : at + self._header(layout.HEADER_ACCOUNT_WORDS)].tolist()
        balances = {}
        updated_ns = row[layout.ACCOUNT_UPDATED_NS]
        for currency in range(1, self.capacity.currencies):
            money = layout.ACCOUNT_BALANCES + layout.BALANCE_WORDS * currency
            if row[money + layout.BALANCE_UPDATED_NS]:
                updated_ns = max(updated_ns, row[money + layout.BALANCE_UPDATED_NS])
                amount, frozen = (
                    row[money + layout.BALANCE_AMOUNT],
                    row[money + layout.BALANCE_FROZEN],
                )
                balances[currency] = (amount, frozen)
        return Account(
            account=account,
            balances=balances,
            daily_order_count=row[layout.ACCOUNT_DAILY_COUNT],
            daily_order_limit=row[layout.ACCOUNT_DAILY_LIMIT],
            created_ns=row[layout.ACCOUNT_CREATED_NS],
            updated_ns=updated_ns,
            blocked=bool(row[layout.ACCOUNT_BLOCKED]),
            killed=bool(row[layout.ACCOUNT_KILLED]),
            open_orders=row[layout.ACCOUNT_OPEN_COUNT],
        )

    def position(self, account: int, instrument: int) -> Position | None:
        """The account's position in one instrument; None when it never had one."""
        self._account_at(account)
        if not 0 < instrument < self.capacity.instruments:
            return None
        at = position_address(self._memory, account, instrument)
        return position_at(self._memory, account, at) if at else None

    def positions(self, account: int) -> list[Position]:
        """All positions that the account has ever had, by instrument."""
        found = []
        at = int(self._memory[self._account_at(account) + layout.ACCOUNT_NEWEST_POSITION])
        while at:
            found.append(position_at(self._memory, account, at))
            at = int(self._memory[at + layout.POSITION_OLDER])
        return sorted(found, key=lambda position: position.instrument)

    def funds_needed(self, instrument: int, price: int, quantity: int) -> int:
        """What a buy order freezes, with fees, in minor units of the currency."""
        at = self._header(layout.HEADER_INSTRUMENTS) + instrument * layout.INSTRUMENT_WORDS
        row: list[int] = self._memory[at : at + layout.INSTRUMENT_WORDS].tolist()
        value = price * quantity * row[layout.INSTRUMENT_MULTIPLIER]
        return value + value * row[layout.INSTRUMENT_FREEZE_RATE] // PPM

    # --- orders -----------------------------------------------------------------------------------

    def order(self, order_id: int) -> Order | None:
        """An order, live or closed; None when it never was or is no longer kept."""
        if not 0 <= order_id <= _INT64_MAXIMUM:
            return None
        at = order_address(self._memory, order_id)
        return order_at(self._memory, at) if at else None

    @property
    def day_started_ns(self) -> int:
        """When the current trading day started (UTC); 0 before the first."""
        return self._header(layout.HEADER_DAY_STARTED_NS)

    def order_by_token(self, session: int, token: bytes, *, days_ago: int = 0) -> Order | None:
        """The newest order with this token, from this session, of the current trading day.

        ``days_ago`` 1: of the trading day before it.
        """
        if len(token) != TOKEN_BYTES or not 0 < session < self.capacity.sessions:
            return None
        token_0 = int.from_bytes(token[:_TOKEN_HEAD_BYTES], "little", signed=True)
        token_1 = int.from_bytes(token[_TOKEN_HEAD_BYTES:], "little")
        at = find_token(self._memory, session, token_0, token_1, days_ago)
        return order_at(self._memory, at) if at else None

    def orders(
        self,
        account: int,
        *,
        instrument: int | None = None,
        open_only: bool = False,
        statuses: Collection[OrderStatus] | None = None,
        before_order_id: int | None = None,
        limit: int = 100,
    ) -> list[Order]:
        """As ``orders_page``, whole: fewer than ``limit`` means that there are no more.

        It takes as long as it takes: some 50 ns for each order that is kept of the account.
        """
        selection = (account, instrument, statuses, open_only, before_order_id, _UNLIMITED)
        return self._find_orders(_order_selection(*selection), limit).orders

    def orders_page(
        self,
        account: int,
        *,
        instrument: int | None = None,
        open_only: bool = False,
        statuses: Collection[OrderStatus] | None = None,
        before_order_id: int | None = None,
        limit: int = 100,
    ) -> OrderPage:
        """The account's orders, newest first, and where to go on; bounded in time.

        ``instrument``, ``open_only``, ``statuses``: only these; ``before_order_id``: only older
        ones, to go on after a page; ``limit``: 1 to PAGE_MAXIMUM. Raises KeyError for a number that
        no account can have.
        """
        selection = (account, instrument, statuses, open_only, before_order_id, PAGE_LOOKS)
        return self._find_orders(_order_selection(*selection), limit)

    def _find_orders(self, selection: OrderSelection, limit: int) -> OrderPage:
        self._account_at(selection.account)
        found = np.zeros(min(max(limit, 1), PAGE_MAXIMUM) + 1, np.int64)
        count = find_orders(self._memory, selection, found)
        addresses = found.tolist()
        orders = [order_at(self._memory, address) for address in addresses[:count]]
        return OrderPage(orders, addresses[-1] or None)

    # --- fills ------------------------------------------------------------------------------------

    def fills(
        self,
        account: int,
        *,
        instrument: int | None = None,
        order_id: int | None = None,
        before_sequence: int | None = None,
        limit: int = 100,
    ) -> list[Fill]:
        """As ``fills_page``, whole: fewer than ``limit`` means that there are no more."""
        selection = (account, instrument, order_id, before_sequence, _UNLIMITED)
        return self._find_fills(_fill_selection(*selection), limit).fills

    def fills_page(
        self,
        account: int,
        *,
        instrument: int | None = None,
        order_id: int | None = None,
        before_sequence: int | None = None,
        limit: int = 100,
    ) -> FillPage:
        """The account's fills, newest first, and where to go on; bounded in time.

        ``instrument``, ``order_id``: only of these; ``before_sequence``: only of older events, to
        go on after a page; ``limit``: 1 to PAGE_MAXIMUM. The two fills of a trade of the account
        with itself are never on two pages: there may be one more than limit.
        """
        selection = (account, instrument, order_id, before_sequence, PAGE_LOOKS)
        return self._find_fills(_fill_selection(*selection), limit)

    def _find_fills(self, selection: FillSelection, limit: int) -> FillPage:
        self._account_at(selection.account)
        found = np.zeros(min(max(limit, 1), PAGE_MAXIMUM) + 2, np.int64)
        count = find_fills(self._memory, selection, found)
        numbers = found.tolist()
        fills = [fill_of(self._memory, number) for number in numbers[:count]]
        return FillPage(fills, numbers[-1] if numbers[-1] >= 0 else None)

    # --- for the store and the checkpoint ---------------------------------------------------------

    def take_dirty(self) -> Dirty:
        """Take the changes since the last call (or the beginning); see Dirty.

        Only of a model made with ``track_dirty``. To be called so often that the closed orders
        that are kept outnumber the orders that are made between two calls.
        """
        return take_dirty(self._memory)

    def order_rows(self, order_ids: np.ndarray) -> np.ndarray:
        """ORDER_ROW for each of the int64 ``order_ids``; ``order_id`` 0 where it is not kept."""
        rows = np.zeros(len(order_ids), ORDER_ROW)
        fill_order_rows(self._memory, _words(order_ids), rows.view(ORDER_RECORD))
        return rows

    def balance_rows(self, pairs: np.ndarray) -> np.ndarray:
        """BALANCE_ROW for each (account, currency) of int64 ``pairs``, shape (n, 2)."""
        rows = np.zeros(len(pairs), BALANCE_ROW)
        fill_balance_rows(self._memory, _words(pairs), rows.view(BALANCE_RECORD))
        return rows

    def position_rows(self, pairs: np.ndarray) -> np.ndarray:
        """POSITION_ROW for each (account, instrument) of int64 ``pairs``, shape (n, 2)."""
        rows = np.zeros(len(pairs), POSITION_ROW)
        fill_position_rows(self._memory, _words(pairs), rows.view(POSITION_RECORD))
        return rows

    @property
    def layout_text(self) -> str:
        """The format and the sizes, of which another needs as much to load what this dumps."""
        return layout_text(self.capacity, bool(self._memory[layout.HEADER_TRACK_DIRTY]))

    def dump(self) -> dict[str, np.ndarray]:
        """Everything, as int64 arrays for ``load``: views, to be written or copied at once."""
        return dumped(self._memory)

    def load(self, arrays: dict[str, np.ndarray]) -> None:
        """Become the model that was dumped; this one must be new, and nowhere smaller.

        Raises ValueError when what is given does not fit.
        """
        if self.next_event != 0:
            raise ValueError("only a new model can be loaded")
        load_dumped(self._memory, arrays)
        self._usernames_of = 0


def _order_selection(
    account: int,
    instrument: int | None,
    statuses: Collection[OrderStatus] | None,
    open_only: bool,
    before_order_id: int | None,
    looks: int,
) -> OrderSelection:
    """As the compiled look-up takes it; with no look where nothing can be found."""
    bits = 0
    for status in statuses or ():
        bits |= 1 << status
    if (statuses is not None and not bits) or (before_order_id is not None and before_order_id < 1):
        return OrderSelection(account, 0, 0, open_only, before_order_id=0, looks=0)
    before = min(before_order_id or 0, _INT64_MAXIMUM)
    return OrderSelection(account, instrument or 0, bits, open_only, before, looks)


def _fill_selection(
    account: int,
    instrument: int | None,
    order_id: int | None,
    before_sequence: int | None,
    looks: int,
) -> FillSelection:
    """As the compiled look-up takes it."""
    before = -1 if before_sequence is None else max(0, min(before_sequence, _INT64_MAXIMUM))
    return FillSelection(account, instrument or 0, order_id or 0, before, looks)


def _words(array: np.ndarray) -> np.ndarray:
    """As the one kind of array that is compiled for: int64, contiguous, writeable."""
    return np.require(array, np.int64, ["C", "W"])


def compile_accounts() -> None:
    """Compile (or read back) all that an account model calls: ``exchange/compiler/units.py``."""
    two = AccountModelCapacity(
        accounts=2, sessions=2, instruments=2, positions=2, orders=2, fills=2
    )
    model = AccountModel(two)
    model.apply(np.zeros(1, EVENT))
    model.order(1)
    model.position(1, 1)
    model.order_by_token(1, bytes(TOKEN_BYTES))
    model.orders(1)
    model.fills(1)
    model.order_rows(np.zeros(1, np.int64))
    model.balance_rows(np.zeros((1, 2), np.int64))
    model.position_rows(np.zeros((1, 2), np.int64))
    AccountModel(two).load(AccountModel(two).dump())
