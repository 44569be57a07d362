"""The account model: every account's orders, fills, money and stock, from released events alone.

Who uses it: the API and the store. Its only input are events, in order: the same events give the
same answers, in every process and after every restart; it reads no clock. After the last event of a
command it equals the engine's state (``exchange/recovery/ledger.py`` is the same in plain Python).

A shell around one array of words (``accounts_layout.py``) and the compiled functions that work on
it (``accounts_apply.py``, ``accounts_find.py``). Not for several threads at a time.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from exchange.codes import EventKind
from exchange.read_model.accounts import layout
from exchange.read_model.accounts.apply import apply_events
from exchange.read_model.accounts.find import (
    find_fills,
    find_orders,
    order_address,
    position_address,
)
from exchange.read_model.accounts.lists import find_token
from exchange.read_model.accounts.memory import (
    dumped,
    layout_text,
    load_dumped,
    make_memory,
    take_dirty,
)
from exchange.read_model.accounts.order_status import OrderStatus
from exchange.read_model.accounts.read import fill_of, order_at, padded_text, position_at
from exchange.read_model.accounts.rows import (
    BALANCE_ROW,
    ORDER_ROW,
    POSITION_ROW,
    fill_balance_rows,
    fill_order_rows,
    fill_position_rows,
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
from exchange.records import EVENT

TOKEN_BYTES = 14
PAGE_MAXIMUM = 10_000
PAGE_LOOKS = 20_000  # orders or fills that one page looks at: about a millisecond
_UNLIMITED = 1 << 62

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
        self._m = make_memory(capacity, track_dirty)
        self._usernames: dict[str, int] = {}
        self._usernames_of = 0  # how many sessions they are of

    def _header(self, word: int) -> int:
        return int(self._m[word])

    # --- the event stream -------------------------------------------------------------------------

    @property
    def next_event(self) -> int:
        return int(self._m[layout.H_NEXT_EVENT])

    @property
    def last_timestamp_ns(self) -> int:
        """Time of the last event applied."""
        return int(self._m[layout.H_LAST_NS])

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
        applied = apply_events(self._m, events.view(np.int64).reshape(-1))
        if applied < len(events):
            self._refuse(events[applied])

    def _refuse(self, event: np.ndarray) -> None:
        kind = int(event["kind"])
        name = EventKind(kind).name if kind in set(EventKind) else str(kind)
        where = f"event {int(event['sequence'])} ({name})"
        error = self._header(layout.H_ERROR)
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
        at = self._header(layout.H_SESSIONS) + session * layout.SESSION_WORDS
        return int(self._m[at + layout.S_ACCOUNT])

    def session_by_username(self, username: str) -> int | None:
        """The session with this user name, None when there is none."""
        if self._usernames_of != self._header(layout.H_SESSIONS_DEFINED):
            self._read_usernames()
        return self._usernames.get(username)

    def _read_usernames(self) -> None:
        start = self._header(layout.H_SESSIONS)
        rows = self._m[start : start + self.capacity.sessions * layout.SESSION_WORDS]
        rows = rows.reshape(-1, layout.SESSION_WORDS)
        self._usernames = {
            padded_text(int(rows[session, layout.S_USERNAME])): session
            for session in np.flatnonzero(rows[:, layout.S_DEFINED]).tolist()
        }
        self._usernames_of = self._header(layout.H_SESSIONS_DEFINED)

    @property
    def exchange_killed(self) -> bool:
        """Whether the kill switch of the whole exchange is on."""
        return bool(self._m[layout.H_EXCHANGE_KILLED])

    @property
    def live_order_count(self) -> int:
        return self._header(layout.H_LIVE_ORDERS)

    @property
    def evicted_order_count(self) -> int:
        """Closed orders that were forgotten to make room."""
        return self._header(layout.H_ORDERS_EVICTED)

    def accounts(self) -> list[int]:
        """Numbers of all accounts that have been opened, ascending."""
        start = self._header(layout.H_ACCOUNTS)
        words = self._header(layout.H_ACCOUNT_WORDS)
        rows = self._m[start : start + self.capacity.accounts * words].reshape(-1, words)
        found: list[int] = np.flatnonzero(rows[:, layout.A_DEFINED]).tolist()
        return found

    def currencies(self) -> dict[int, Currency]:
        """All currencies by number."""
        found = {}
        for number in range(1, self.capacity.currencies):
            at = self._header(layout.H_CURRENCIES) + number * layout.CURRENCY_WORDS
            row = self._m[at : at + layout.CURRENCY_WORDS].tolist()
            if row[layout.C_DEFINED]:
                found[number] = Currency(
                    number,
                    padded_text(row[layout.C_CODE]),
                    row[layout.C_DECIMALS],
                    row[layout.C_FEE_ACCOUNT],
                )
        return found

    def _account_at(self, account: int) -> int:
        if not 0 < account < self.capacity.accounts:
            raise KeyError(f"account {account}: 1 to {self.capacity.accounts - 1} are possible")
        return self._header(layout.H_ACCOUNTS) + account * self._header(layout.H_ACCOUNT_WORDS)

    def account(self, account: int) -> Account:
        """An account; one that has not been opened has nothing and ``created_ns`` 0.

        Raises KeyError for a number that no account can have.
        """
        at = self._account_at(account)
        row = self._m[at : at + self._header(layout.H_ACCOUNT_WORDS)].tolist()
        balances = {}
        updated_ns = row[layout.A_UPDATED_NS]
        for currency in range(1, self.capacity.currencies):
            money = layout.A_BALANCES + layout.BALANCE_WORDS * currency
            if row[money + layout.B_UPDATED_NS]:
                updated_ns = max(updated_ns, row[money + layout.B_UPDATED_NS])
                balances[currency] = (row[money + layout.B_BALANCE], row[money + layout.B_FROZEN])
        return Account(
            account=account,
            balances=balances,
            daily_order_count=row[layout.A_DAILY_COUNT],
            daily_order_limit=row[layout.A_DAILY_LIMIT],
            created_ns=row[layout.A_CREATED_NS],
            updated_ns=updated_ns,
            blocked=bool(row[layout.A_BLOCKED]),
            killed=bool(row[layout.A_KILLED]),
            open_orders=row[layout.A_OPEN_COUNT],
        )

    def position(self, account: int, instrument: int) -> Position | None:
        """What the account holds of one instrument; None when it never had to do with it."""
        self._account_at(account)
        if not 0 < instrument < self.capacity.instruments:
            return None
        at = position_address(self._m, account, instrument)
        return position_at(self._m, account, at) if at else None

    def positions(self, account: int) -> list[Position]:
        """All positions that the account has ever had, by instrument."""
        found = []
        at = int(self._m[self._account_at(account) + layout.A_NEWEST_POSITION])
        while at:
            found.append(position_at(self._m, account, at))
            at = int(self._m[at + layout.P_OLDER])
        return sorted(found, key=lambda position: position.instrument)

    # --- orders -----------------------------------------------------------------------------------

    def order(self, order_id: int) -> Order | None:
        """An order, live or closed; None when it never was or is no longer kept."""
        if not 0 <= order_id < 1 << 63:
            return None
        at = order_address(self._m, order_id)
        return order_at(self._m, at) if at else None

    def order_by_token(self, session: int, token: bytes) -> Order | None:
        """The newest order of the current trading day with this token, from this session."""
        if len(token) != TOKEN_BYTES or not 0 < session < self.capacity.sessions:
            return None
        token_0 = int.from_bytes(token[:8], "little", signed=True)
        token_1 = int.from_bytes(token[8:], "little")
        at = find_token(self._m, session, token_0, token_1)
        return order_at(self._m, at) if at else None

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
        selection = (instrument, open_only, statuses, before_order_id, limit)
        return self._find_orders(account, _UNLIMITED, *selection).orders

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
        selection = (instrument, open_only, statuses, before_order_id, limit)
        return self._find_orders(account, PAGE_LOOKS, *selection)

    def _find_orders(
        self,
        account: int,
        looks: int,
        instrument: int | None,
        open_only: bool,
        statuses: Collection[OrderStatus] | None,
        before_order_id: int | None,
        limit: int,
    ) -> OrderPage:
        self._account_at(account)
        bits = 0
        for status in statuses or ():
            bits |= 1 << status
        if statuses is not None and not bits:
            return OrderPage([], None)
        if before_order_id is not None and before_order_id <= 0:
            return OrderPage([], None)
        found = np.zeros(min(max(limit, 1), PAGE_MAXIMUM) + 1, np.int64)
        count = find_orders(
            self._m,
            account,
            instrument or 0,
            bits,
            open_only,
            min(before_order_id or 0, (1 << 63) - 1),
            looks,
            found,
        )
        addresses = found.tolist()
        return OrderPage([order_at(self._m, at) for at in addresses[:count]], addresses[-1] or None)

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
        selection = (instrument, order_id, before_sequence, limit)
        return self._find_fills(account, _UNLIMITED, *selection).fills

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
        selection = (instrument, order_id, before_sequence, limit)
        return self._find_fills(account, PAGE_LOOKS, *selection)

    def _find_fills(
        self,
        account: int,
        looks: int,
        instrument: int | None,
        order_id: int | None,
        before_sequence: int | None,
        limit: int,
    ) -> FillPage:
        self._account_at(account)
        found = np.zeros(min(max(limit, 1), PAGE_MAXIMUM) + 2, np.int64)
        before = -1 if before_sequence is None else max(0, min(before_sequence, (1 << 63) - 1))
        count = find_fills(self._m, account, instrument or 0, order_id or 0, before, looks, found)
        numbers = found.tolist()
        fills = [fill_of(self._m, number) for number in numbers[:count]]
        return FillPage(fills, numbers[-1] if numbers[-1] >= 0 else None)

    # --- for the store and the checkpoint ---------------------------------------------------------

    def take_dirty(self) -> Dirty:
        """What changed since the last call (or the beginning); see Dirty.

        Only of a model made with ``track_dirty``. To be called so often that the closed orders
        that are kept outnumber the orders that are made between two calls.
        """
        return take_dirty(self._m)

    def order_rows(self, order_ids: np.ndarray) -> np.ndarray:
        """ORDER_ROW for each of the int64 ``order_ids``; ``order_id`` 0 where it is not kept."""
        rows = np.zeros(len(order_ids), ORDER_ROW)
        fill_order_rows(self._m, _words(order_ids), _matrix(rows))
        return rows

    def balance_rows(self, pairs: np.ndarray) -> np.ndarray:
        """BALANCE_ROW for each (account, currency) of int64 ``pairs``, shape (n, 2)."""
        rows = np.zeros(len(pairs), BALANCE_ROW)
        fill_balance_rows(self._m, _words(pairs), _matrix(rows))
        return rows

    def position_rows(self, pairs: np.ndarray) -> np.ndarray:
        """POSITION_ROW for each (account, instrument) of int64 ``pairs``, shape (n, 2)."""
        rows = np.zeros(len(pairs), POSITION_ROW)
        fill_position_rows(self._m, _words(pairs), _matrix(rows))
        return rows

    @property
    def layout_text(self) -> str:
        """What another model must be like to load what this one dumps."""
        return layout_text(self.capacity, bool(self._m[layout.H_TRACK_DIRTY]))

    def dump(self) -> dict[str, np.ndarray]:
        """Everything, as int64 arrays for ``load``: views, to be written or copied at once."""
        return dumped(self._m)

    def load(self, arrays: dict[str, np.ndarray]) -> None:
        """Become the model that was dumped; this one must be new and have the same layout.

        Raises ValueError when what is given does not fit.
        """
        if self.next_event != 0:
            raise ValueError("only a new model can be loaded")
        load_dumped(self._m, arrays)
        self._usernames_of = 0


def _words(array: np.ndarray) -> np.ndarray:
    """As the one kind of array that is compiled for: int64, contiguous, writeable."""
    return np.require(array, np.int64, ["C", "W"])


def _matrix(rows: np.ndarray) -> np.ndarray:
    """Structured rows as rows of words."""
    return rows.view(np.int64).reshape(len(rows), rows.dtype.itemsize // 8)


def compile_accounts() -> None:
    """Compile (or read back) all that an account model calls: ``exchange/stages/compile.py``."""
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
