"""The channel ``orders``: sends what happens to an account to the sockets that signed in for it.

Who calls it: the event pump, ``learn`` after the models have applied a batch; the endpoint, when a
socket signs in, subscribes or leaves; the hub, ``look_after`` every second. A new subscriber first
gets a snapshot of open orders, balances and positions, made between two batches, so that it misses
nothing in between; with ``since`` it also gets the reports that it has missed, read from the
archive.

Invariants: a socket gets reports of its own account only, of every order of the account however the
order was entered, and none once its key is revoked. Events of other accounts cost a few numpy
masks.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from msgspec import UNSET, UnsetType

from exchange.access.keys import KeysDamaged
from exchange.api.errors import ApiError, ErrorCode
from exchange.api.websocket import messages
from exchange.api.websocket.execution_reports import (
    FOLLOWED,
    Reported,
    Step,
    orders_after,
    reports,
    steps_of,
)
from exchange.api.websocket.frames import CloseCode
from exchange.api.websocket.messages import frame
from exchange.codes import EventKind

if TYPE_CHECKING:
    from exchange.access.keys import Key, KeyStore
    from exchange.api.websocket.subscriber import Subscriber
    from exchange.read_model.accounts.model import AccountModel
    from exchange.read_model.accounts.types import Fill, Order
    from exchange.read_model.market.model import MarketModel


SESSION_NUMBERS = 1 << 16
# A report, or an order of a snapshot, costs some 40 µs, and all sockets wait meanwhile. So
# snapshots and missed reports go out in parts. An account with more reports than this, in one batch
# or in one second, gets a gap instead, and a new snapshot after RESYNC_S.
ORDERS_IN_MESSAGE = 250
REPORTS_IN_PART = 250
REPORTS_AT_ONCE = 2_000
REPORTS_PER_SECOND = 5_000
RESYNC_S = 1.0
REPLAYED_REPORTS = 5_000
REPLAYED_EVENTS = 8_000_000
HISTORY_CHUNK_EVENTS = 65_536
CHANNEL = "orders"
NANOSECONDS_PER_MS = 1_000_000

# kinds that change an account and belong to no order
_OF_ACCOUNTS = np.zeros(256, np.bool_)
_OF_ACCOUNTS[[EventKind.BALANCE_CHANGED, EventKind.KILL_SWITCHED, EventKind.WARNING]] = True

History = Callable[[int, int], np.ndarray]
Change = messages.Balance | messages.Position


class ServiceError(Protocol):
    """Sends an error to a socket."""

    def __call__(self, error: ApiError) -> None: ...


class Member:
    """A signed-in socket. ``subscribed``: whether it gets the reports of its account.

    ``held``: frames that wait while a snapshot goes out in parts; None: no snapshot is going out.
    ``stale_since``: the first event whose report was dropped because there were too many.
    """

    __slots__ = (
        "account", "held", "key", "refuse", "stale_since", "state_lock", "subscribed", "subscriber",
    )  # fmt: skip

    def __init__(self, subscriber: Subscriber, key: Key, refuse: ServiceError) -> None:
        self.subscriber = subscriber
        self.key = key
        self.account = int(key.account)
        self.refuse = refuse
        self.subscribed = False
        self.held: list[bytes] | None = None
        self.stale_since: int | None = None
        self.state_lock = asyncio.Lock()

    def tell(self, frames: bytes) -> None:
        """Send ``frames`` now, or after the snapshot that is going out."""
        if self.stale_since is not None:
            return  # a new snapshot will have it
        if self.held is not None:
            self.held.append(frames)
        else:
            self.subscriber.write(frames)


class _Watched:
    """An account with subscribers.

    ``balances``, ``positions``: the values that were sent last. ``told``: reports in this second.
    """

    def __init__(self) -> None:
        self.members: set[Member] = set()
        self.told = 0
        self.balances: dict[int, tuple[int, int]] = {}
        self.positions: dict[int, tuple[int, int, int]] = {}


class PrivateChannel:
    """``describe``: an order as JSON. ``history(first, count)``: events from the archive."""

    def __init__(
        self,
        market: MarketModel,
        accounts: AccountModel,
        keys: KeyStore,
        *,
        describe: Callable[[Order], dict[str, Any]],
        history: History | None = None,
    ) -> None:
        self._market = market
        self._accounts = accounts
        self._keys = keys
        self._describe = describe
        self._history = history
        self._members: set[Member] = set()
        self._sockets: Counter[int] = Counter()  # signed in, by account
        self._watched: dict[int, _Watched] = {}
        self._owner = np.zeros(SESSION_NUMBERS, np.int32)  # watched account by session, else 0
        self._generation = -1
        self._replaying = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    # --- who is signed in -------------------------------------------------------------------------

    def sign_in(self, subscriber: Subscriber, key: Key, refuse: ServiceError) -> Member:
        """A socket has proved that it holds ``key``."""
        member = Member(subscriber, key, refuse)
        self._members.add(member)
        self._sockets[member.account] += 1
        return member

    def sockets_of(self, account: int) -> int:
        """How many sockets have signed in for ``account``."""
        return self._sockets[account]

    def leave(self, member: Member) -> None:
        """The socket is closed. Idempotent."""
        if member in self._members:
            self._members.remove(member)
            self._sockets[member.account] -= 1
        self.unsubscribe(member)

    def check_keys(self) -> None:
        """Sign out the sockets whose key was revoked. Cheap unless the keys have changed."""
        try:
            generation = self._keys.refresh()
        except KeysDamaged:
            generation = -2  # no key can be checked: no socket gets anything
        if generation == self._generation:
            return
        self._generation = generation
        for member in list(self._members):
            if generation == -2 or not self._keys.is_live(member.key.id):
                self.leave(member)
                member.refuse(
                    ApiError(ErrorCode.KEY_UNKNOWN, "the API key was revoked")
                    if generation != -2
                    else ApiError(ErrorCode.UNAVAILABLE, "API keys cannot be checked")
                )
                member.subscriber.close(CloseCode.SIGNED_OUT, "the API key was revoked")

    # --- subscriptions ----------------------------------------------------------------------------

    async def subscribe(
        self, member: Member, since: int | None, request_id: str | UnsetType = UNSET
    ) -> None:
        """Acknowledge, send missed reports and a snapshot; from then on every report.

        ``since``: the sequence of the last report that the client has seen.
        """
        async with member.state_lock:
            steps: list[Step] | None = []
            if since is not None:
                async with self._replaying:
                    steps = await self._missed(member.account, since)
            # no await from here to `follow`: so no event falls in between
            if member not in self._members:
                return
            sequence = self._accounts.next_event - 1
            out = [frame(messages.Subscribed(CHANNEL, sequence, request_id))]
            if steps is None:
                assert since is not None
                out.append(frame(messages.Gap(CHANNEL, since + 1, sequence)))
                steps = []
            found, fills = self._reported(member.account, steps)
            member.held, member.stale_since = [], None
            self.follow(member)
            member.subscriber.write(b"".join(out))
            for first in range(0, len(found), REPORTS_IN_PART):
                part = reports(found[first : first + REPORTS_IN_PART], fills, self._describe)
                member.subscriber.write(b"".join([frame(report) for report in part]))
                await asyncio.sleep(0)
            await self._send_state(member)

    async def _send_state(self, member: Member) -> None:
        """Send open orders, the reports since the snapshot began, then balances and positions.

        A report shows its order at the time of its event. So the last one is right, whatever an
        earlier part of the snapshot has shown.
        """
        before: int | None = None
        while True:
            if not member.subscribed or member.subscriber.closing:
                return
            sequence, timestamp_ms = self._now()
            page = self._accounts.orders(
                member.account, open_only=True, before_order_id=before, limit=ORDERS_IN_MESSAGE
            )
            is_last = len(page) < ORDERS_IN_MESSAGE
            message = messages.OrdersSnapshot(
                account=member.account,
                orders=[self._describe(order) for order in page],
                last=is_last,
                sequence=sequence,
                timestamp=timestamp_ms,
            )
            member.subscriber.write(frame(message))
            if is_last:
                break
            before = page[-1].order_id
            await asyncio.sleep(0)
        held, member.held = member.held or [], None
        now = [frame(change) for change in self._changes(member.account, _Watched())]
        member.tell(b"".join([*held, *now]))

    def _tell_later(self, member: Member, first_sequence: int) -> None:
        """Drop the reports from ``first_sequence`` on: a gap and a snapshot will follow."""
        if member.stale_since is None:
            member.stale_since = first_sequence
            asyncio.get_running_loop().call_later(RESYNC_S, self._start_resync, member)

    def _start_resync(self, member: Member) -> None:
        task = asyncio.get_running_loop().create_task(self._resync(member))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _resync(self, member: Member) -> None:
        async with member.state_lock:
            first = member.stale_since
            if first is None or not member.subscribed:
                return  # it has subscribed anew meanwhile, or left
            member.held, member.stale_since = [], None
            sequence = self._accounts.next_event - 1
            member.subscriber.write(frame(messages.Gap(CHANNEL, first, sequence)))
            await self._send_state(member)

    def follow(self, member: Member) -> None:
        """Send ``member`` every report from now on."""
        member.subscribed = True
        watched = self._watched.get(member.account)
        if watched is None:
            watched = self._watched[member.account] = _Watched()
            self._owner[self._sessions_of(member.account)] = member.account
            self._changes(member.account, watched)
        watched.members.add(member)

    def unsubscribe(self, member: Member) -> None:
        """Send ``member`` no more reports. Idempotent."""
        member.subscribed = False
        watched = self._watched.get(member.account)
        if watched is not None:
            watched.members.discard(member)
            if not watched.members:
                del self._watched[member.account]
                self._owner[self._owner == member.account] = 0

    def _sessions_of(self, account: int) -> list[int]:
        """The numbers of the account's sessions."""
        account_of = self._accounts.account_of_session
        sessions = range(1, min(self._accounts.capacity.sessions, SESSION_NUMBERS))
        return [session for session in sessions if account_of(session) == account]

    def _owner_alone(self, account: int) -> np.ndarray:
        """Account by session, of one account only."""
        owner = np.zeros(SESSION_NUMBERS, np.int32)
        owner[self._sessions_of(account)] = account
        return owner

    # --- what happens -----------------------------------------------------------------------------

    def learn(self, events: np.ndarray) -> None:
        """Send the reports of ``events`` (EVENT[n]), which the models have applied."""
        if not self._watched:
            return
        kinds = events["kind"]
        if (kinds == EventKind.SESSION_DEFINED).any():
            for account in self._watched:
                self._owner[self._sessions_of(account)] = account
        owner = self._owner
        owners = np.where(FOLLOWED[kinds], owner[events["session"]], 0)
        contra_owners = np.where(kinds == EventKind.TRADE, owner[events["contra_session"]], 0)
        own = np.flatnonzero(owners | contra_owners)
        of_accounts = np.flatnonzero(_OF_ACCOUNTS[kinds])
        touched = self._watched.keys() & set(events["account"][of_accounts].tolist())
        if not len(own) and not touched:
            return
        self.check_keys()
        touched |= set(owners[own].tolist()) | set(contra_owners[own].tolist())
        # as bytes: numpy would copy record by record and field by field
        octets = events.view(np.uint8).reshape(-1, events.dtype.itemsize)[own]
        events = np.ascontiguousarray(octets).reshape(-1).view(events.dtype)
        for account in touched:
            watched = self._watched.get(account)
            if watched is not None:  # 0: the other side of a trade; or signed out just now
                self._tell(account, watched, steps_of(events, owner, account))

    def _tell(self, account: int, watched: _Watched, steps: list[Step]) -> None:
        changes = self._changes(account, watched)
        watched.told += len(steps)
        too_many = len(steps) > REPORTS_AT_ONCE or watched.told > REPORTS_PER_SECOND
        if steps and too_many:
            for member in watched.members:
                self._tell_later(member, steps[0].sequence)
        if all(member.stale_since is not None for member in watched.members):
            return
        made = reports(*self._reported(account, steps), self._describe)
        frames = b"".join([frame(message) for message in (*made, *changes)])
        if frames:
            for member in watched.members:
                member.tell(frames)

    def look_after(self) -> None:
        """Called every second: sign out revoked keys; send the balance of accounts that get fees.

        An account that other accounts' fees are paid to has a new balance with every trade, and no
        event of its own shows it.
        """
        if not self._members:
            return
        self.check_keys()
        for watched in self._watched.values():
            watched.told = 0
        for account in {each.fee_account for each in self._accounts.currencies().values()}:
            paid = self._watched.get(account)
            if paid is not None:
                self._tell(account, paid, [])

    def _reported(
        self, account: int, steps: list[Step]
    ) -> tuple[list[Reported], dict[tuple[int, int], Fill]]:
        """Each step with its order, and the fills of the account that belong to them."""
        trades = [step for step in steps if step.kind == EventKind.TRADE]
        fills: dict[tuple[int, int], Fill] = {}
        if trades:
            newest = self._accounts.fills(
                account, before_sequence=trades[-1].sequence + 1, limit=len(trades)
            )
            fills = {(fill.sequence, fill.order_id): fill for fill in newest}
        return orders_after(steps, self._accounts.order), fills

    # --- states -----------------------------------------------------------------------------------

    def _changes(self, account: int, watched: _Watched) -> list[Change]:
        """Balances and positions that have changed since the last call for ``watched``."""
        changed: list[Change] = []
        sequence, timestamp_ms = self._now()
        currencies = self._accounts.currencies()
        for number, balance in self._accounts.account(account).balances.items():
            if watched.balances.get(number) != balance:
                watched.balances[number] = balance
                currency = currencies[number]
                changed.append(
                    messages.Balance(
                        currency=currency.code,
                        decimals=currency.decimals,
                        balance=balance[0],
                        frozen_balance=balance[1],
                        available_balance=balance[0] - balance[1],
                        sequence=sequence,
                        timestamp=timestamp_ms,
                    )
                )
        for position in self._accounts.positions(account):
            state = (position.quantity, position.frozen, position.total_cost)
            if watched.positions.get(position.instrument) != state:
                watched.positions[position.instrument] = state
                instrument = self._market.instruments[position.instrument]
                changed.append(
                    messages.Position(
                        symbol=instrument.symbol,
                        currency=instrument.currency,
                        quantity=position.quantity,
                        available_quantity=position.available,
                        frozen_quantity=position.frozen,
                        average_price=position.average_cost,
                        average_price_decimals=instrument.currency_decimals,
                        total_cost=position.total_cost,
                        currency_decimals=instrument.currency_decimals,
                        sequence=sequence,
                        timestamp=timestamp_ms,
                    )
                )
        return changed

    def _now(self) -> tuple[int, int]:
        """The newest event that the model knows, and its time in milliseconds."""
        accounts = self._accounts
        return accounts.next_event - 1, accounts.last_timestamp_ns // NANOSECONDS_PER_MS

    # --- what was missed --------------------------------------------------------------------------

    async def _missed(self, account: int, since: int) -> list[Step] | None:
        """The account's steps after event ``since`` up to now; None: too many, or not to be had.

        When it returns, nothing has happened since the newest of them.
        """
        sequence = since + 1
        end = self._accounts.next_event
        if sequence >= end:
            return []
        if self._history is None or end - sequence > REPLAYED_EVENTS:
            return None
        owner = self._owner_alone(account)
        found: list[Step] = []
        while sequence < self._accounts.next_event:
            wanted = min(HISTORY_CHUNK_EVENTS, self._accounts.next_event - sequence)
            events = self._history(sequence, wanted)
            if len(events) == 0:
                return None  # these events have been removed from the archive
            if (events["kind"] == EventKind.SESSION_DEFINED).any():
                owner = self._owner_alone(account)
            found += steps_of(events, owner, account)
            if len(found) > REPLAYED_REPORTS:
                return None
            sequence += len(events)
            await asyncio.sleep(0)
        return found
