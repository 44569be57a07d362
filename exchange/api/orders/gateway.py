"""Orders of REST, WebSocket and gRPC: the producer of an ingress ring.

Who uses it: the REST handlers and the WebSocket, in the one event loop of the api stage, and the
gRPC server in that of connect_grpc, each with a gateway of its own; the event pump calls ``learn``
with every batch of released events after the read models have applied it.

Invariants: an answer is sent only when its content is durable and in the read models; a client
order id makes one order per account and trading day, however often and over however many restarts
it is sent; another account's order is answered as one that does not exist. Commands of one turn of
the event loop are published together, at its end.

Decisions API-4 and CON-42.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from exchange.access.session_name import api_username
from exchange.api.access.rate_limit import too_many
from exchange.api.errors import ApiError, ErrorCode
from exchange.api.orders import amendments
from exchange.api.orders.amounts import Asked, amounts_text
from exchange.api.orders.client_ids import ClientOrderIds
from exchange.api.orders.errors import (
    change_rejected,
    client_order_id_used,
    named_order_not_found,
    order_closed,
    order_not_found,
    order_rejected,
    unavailable,
)
from exchange.api.orders.json import CLOSED_STATUSES, STATUS_REJECTED, order_json
from exchange.api.orders.marks import MARKED, Entrance
from exchange.api.orders.outcomes import OrderOutcomes
from exchange.api.orders.records import (
    cancel_after_command,
    cancel_command,
    enter_command,
    mass_cancel_command,
)
from exchange.api.orders.terms import (
    MAXIMUM_ORDER_ID,
    Amendment,
    NewOrder,
    random_token,
    token_of,
)
from exchange.api.orders.waiting import Outcome, SentCommand
from exchange.codes import MASS_CANCEL_ANY_SIDE, CommandKind, Reject
from exchange.core import pipeline
from exchange.core.counters import Counter
from exchange.core.producer import IngressProducer
from ringbuffer.atomics import load_acquire
from ringbuffer.counters import COUNTER_STRIDE

if TYPE_CHECKING:
    from exchange.api.access.rate_limit import TokenBuckets
    from exchange.read_model.accounts.model import AccountModel
    from exchange.read_model.accounts.types import Order
    from exchange.read_model.market.model import MarketModel

Array = np.ndarray[Any, Any]
OUTCOME_TIMEOUT_S = 10.0
# How long a client order id of the day before still names its order: longer than any request is
# accepted after it was signed, and than clients try again.
ID_OUTLIVES_DAY_NS = 60_000_000_000
_STOPPED = int(Counter.ORDERS_STOPPED) * COUNTER_STRIDE


def _executed(order: Order) -> int:
    """What the matcher counts as executed: by the order and by those that it replaces."""
    return order.filled_before + order.filled


class OrderGateway:
    """``ring``: COMMAND[capacity] of ``entrance``; ``matcher_eventfd``: wakes the matcher.

    ``commands``: how many an account may send, of all kinds; None: any number.
    ``market`` and ``accounts``: the models that the pump keeps; ``clock_ns``: UTC; ``outcome_ns``:
    histogram of the time from a command written to its outcome known.
    """

    def __init__(
        self,
        ring: Array,
        cursors: Array,
        counters: Array,
        matcher_eventfd: int,
        market: MarketModel,
        accounts: AccountModel,
        *,
        outcome_timeout_s: float = OUTCOME_TIMEOUT_S,
        outcome_ns: Array | None = None,
        client_order_ids: ClientOrderIds | None = None,
        commands: TokenBuckets | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        entrance: Entrance | None = None,
    ) -> None:
        entrance = entrance or Entrance()
        self._marks = entrance.marks
        self._written = int(entrance.commands) * COUNTER_STRIDE
        self._producer = IngressProducer(ring, cursors, entrance.ring, matcher_eventfd)
        self._cursors = cursors
        self._counters = counters
        self._market = market
        self._accounts = accounts
        self._clock_ns = clock_ns
        self._commands = commands
        self._outcomes = OrderOutcomes(
            cursors,
            counters,
            accounts,
            wake_matcher=self._producer.wake_matcher,
            describe=self.describe,
            refused=self._change_rejected,
            client_order_id=self.client_order_id,
            timeout_s=outcome_timeout_s,
            outcome_ns=outcome_ns,
            entrance=entrance,
        )
        self._sessions: dict[int, int] = {}  # account: its API session
        self._client_order_ids = client_order_ids or ClientOrderIds()
        self._flushing = False
        self._closed = False

    @property
    def under_way(self) -> int:
        """Commands whose outcome is not known."""
        return self._outcomes.under_way

    def learn(self, events: Array) -> None:
        """Released events, consecutive EVENT records; the models have applied them."""
        self._outcomes.learn(events)

    def close(self) -> None:
        """The stage ends: take no more commands, answer all waiters."""
        self._closed = True
        self._client_order_ids.close()
        self._outcomes.close()

    # --- what clients ask for ---------------------------------------------------------------------

    async def enter(self, account: int, order: NewOrder) -> Order:
        """``enter_or_find`` for those who do not care whether the order existed."""
        return (await self.enter_or_find(account, order))[0]

    async def enter_or_find(self, account: int, order: NewOrder) -> tuple[Order, bool]:
        """The order when it is durable, and whether it is new.

        False: its client order id was sent before, with the same terms. Raises ApiError: 10000 +
        reject, CLIENT_ORDER_ID_USED, INSTRUMENT_NOT_FOUND, UNAVAILABLE, OUTCOME_UNKNOWN.
        """
        sent, found, is_new = self._enter(account, order)
        if sent is None:
            assert found is not None
            return self._accepted(found), False
        return await self._order_of(sent), is_new

    def begin_enter(self, account: int, order: NewOrder) -> SentCommand | Order:
        """``enter``, without waiting: what is under way, or the order that exists already."""
        sent, found, _ = self._enter(account, order)
        if sent is None:
            assert found is not None
            return self._accepted(found)
        return sent

    def begin_cancel(self, account: int, order_id: int) -> SentCommand:
        """``cancel``, without waiting."""
        return self._reduce(account, self.live_order(account, order_id), 0)

    def begin_amend(self, account: int, order_id: int, asked: Amendment) -> SentCommand | Order:
        """``amend``, without waiting: what is under way, or the order, if nothing is to change."""
        before = self._amended_before(account, order_id, asked)
        if before is not None:
            return before
        sent = self._amend(account, order_id, asked)
        return self.live_order(account, order_id) if sent is None else sent

    def send_enter(self, account: int, order: NewOrder) -> str | None:
        """Enter without waiting; the client order id (None: the client gave none).

        The outcome is an event of the account. Raises ApiError as ``enter_or_find``, and
        CLIENT_ORDER_ID_USED for an id that was used today (or just before the day's roll), whatever
        its terms.
        """
        if order.client_order_id is not None:
            token = token_of(order.client_order_id)
            session = self._session(account)
            found = self._order_with(session, token)
            if found is not None or self._outcomes.entering(session, token) is not None:
                description = None if found is None else self.describe(found)
                raise client_order_id_used(order.client_order_id, description)
        self._enter(account, order)
        return order.client_order_id

    async def cancel(self, account: int, order_id: int) -> Order:
        """The cancelled order. Raises ApiError: ORDER_NOT_FOUND, ORDER_CLOSED, 10000 + reject."""
        return await self._order_of(self.begin_cancel(account, order_id))

    async def amend(self, account: int, order_id: int, asked: Amendment) -> Order:
        """The order with its new terms: the same one when only its quantity was lowered.

        Otherwise it is a new order (``replaces``) at the end of its level's queue, with the same
        client order id. A quantity of what is filled or less cancels the rest. The same amendment
        again is answered as the first. Raises ApiError; the order is then as it was.
        """
        begun = self.begin_amend(account, order_id, asked)
        return await self._order_of(begun) if isinstance(begun, SentCommand) else begun

    async def mass_cancel(
        self, account: int, symbol: str | None = None, side: str | None = None
    ) -> list[int]:
        """Ids of the orders that were cancelled; ``side``: "buy", "sell" (every kind) or None."""
        outcome = await self._outcomes.wait(self._mass_cancel(account, symbol, side))
        return list(outcome.order_ids)

    async def cancel_after(self, account: int, seconds: int) -> None:
        """Cancel the account's API orders in ``seconds`` unless called again; 0: never mind."""
        await self._outcomes.wait(self._cancel_after(account, seconds))

    # --- looking ----------------------------------------------------------------------------------

    def own_order(self, account: int, order_id: int) -> Order:
        """The account's order. Raises ApiError (ORDER_NOT_FOUND), also for another account's."""
        order = None
        if 0 < order_id <= MAXIMUM_ORDER_ID:
            order = self._accounts.order(order_id)
        if order is None or order.account != account:
            raise order_not_found(order_id)
        return order

    def live_order(self, account: int, order_id: int) -> Order:
        """The account's order that can still trade. Raises ApiError (also ORDER_CLOSED)."""
        order = self.own_order(account, order_id)
        if order.status in CLOSED_STATUSES:
            raise order_closed(order, self.describe(order))
        return order

    def own_order_by_client_id(self, account: int, client_order_id: str) -> Order | None:
        """The account's newest order with this client order id, of today or of the day before.

        After amendments that is the one that lives. Raises ApiError.
        """
        token = token_of(client_order_id)
        session = self._session(account)
        found = self._accounts.order_by_token(session, token)
        found = found or self._accounts.order_by_token(session, token, days_ago=1)
        if found is not None:
            self._client_order_ids.remember(client_order_id, token)
        return found

    async def order_named(self, account: int, client_order_id: str) -> Order:
        """``own_order_by_client_id``; an order that is just being entered is awaited first.

        Raises ApiError (ORDER_NOT_FOUND, also for another account's).
        """
        sent = self._outcomes.entering(self._session(account), token_of(client_order_id))
        if sent is not None:
            with contextlib.suppress(ApiError):  # then it is not among the orders either
                await self._outcomes.wait(sent)
        found = self.own_order_by_client_id(account, client_order_id)
        if found is None:
            raise named_order_not_found(client_order_id)
        return found

    def describe(self, order: Order) -> dict[str, Any]:
        """An order as JSON (see json.py)."""
        instrument = self._market.instruments.get(order.instrument)
        symbol = "" if instrument is None else instrument.symbol
        return order_json(order, symbol, self.client_order_id)

    def client_order_id(self, token: bytes) -> str | None:
        """The client's own text of a token, as far as it is remembered."""
        return self._client_order_ids.text(token)

    # --- commands ---------------------------------------------------------------------------------

    def _session(self, account: int) -> int:
        session = self._sessions.get(account)
        if session is None:
            session = self._accounts.session_by_username(api_username(account))
            if session is None:
                raise unavailable(f"account {account} has no API session yet")
            self._sessions[account] = session  # sessions are never removed
        return session

    def _instrument(self, symbol: str) -> int:
        instrument = self._market.by_symbol.get(symbol)
        if instrument is None:
            raise ApiError(
                ErrorCode.INSTRUMENT_NOT_FOUND,
                f"symbol: there is no instrument {symbol!r}; GET /api/v1/instruments lists them",
                data={"field": "symbol"},
            )
        return instrument

    def _order_with(self, session: int, token: bytes) -> Order | None:
        """The order that a client order id stands for now.

        For a while after the day's roll that is also an order of the day before: a request that was
        sent before the roll and is sent again after it must not buy twice.
        """
        found = self._accounts.order_by_token(session, token)
        since_ns = time.time_ns() - self._accounts.day_started_ns
        if found is None and since_ns < ID_OUTLIVES_DAY_NS:
            found = self._accounts.order_by_token(session, token, days_ago=1)
        return found

    def _newest(self, order: Order) -> Order:
        """The order that lives now, or lived last, in the place of ``order``."""
        while order.replaced_by:
            successor = self._accounts.order(order.replaced_by)
            if successor is None:
                break
            order = successor
        return order

    def _amended_before(self, account: int, order_id: int, asked: Amendment) -> Order | None:
        """The outcome of the same amendment, if it has been carried out already."""
        order = self.own_order(account, order_id)
        successor = self._accounts.order(order.replaced_by) if order.replaced_by else None
        if successor is not None and amendments.is_made_by(successor, order, asked):
            return self._newest(successor)
        return order if amendments.is_ended_by(order, asked) else None

    def _enter(
        self, account: int, order: NewOrder
    ) -> tuple[SentCommand | None, Order | None, bool]:
        """The command under way, or else the order that exists already; and whether it is new."""
        order.check()
        if self._counters[_STOPPED]:
            # not even a refusal is to be journaled
            raise unavailable("no new orders: the disk is nearly full; orders can be cancelled")
        instrument = self._instrument(order.symbol)
        session = self._session(account)
        if order.client_order_id is None:
            token = random_token()
        else:
            token = token_of(order.client_order_id)
            sent = self._outcomes.entering(session, token)
            if sent is not None:
                if sent.terms != order:
                    raise client_order_id_used(order.client_order_id, None)
                return sent, None, False
            self._client_order_ids.remember(order.client_order_id, token)
            found = self._order_with(session, token)
            if found is not None:
                self._require_same(found, order)
                return None, found, False
        sent = SentCommand(CommandKind.ENTER, account, session)
        sent.token, sent.terms = token, order
        self._send(sent, enter_command(self._clock_ns(), session, instrument, token, order))
        return sent, None, True

    def _reduce(self, account: int, order: Order, open_quantity: int) -> SentCommand:
        """Cancel down to ``open_quantity``; works for every session of the account."""
        sent = SentCommand(CommandKind.CANCEL_BY_ORDER_ID, account, order.session)
        sent.order_id, sent.remaining = order.order_id, open_quantity
        # the total counts what the replaced orders have executed, here and in the matcher
        total = _executed(order) + open_quantity if open_quantity else 0
        session = self._session(account)
        self._send(sent, cancel_command(self._clock_ns(), session, order.order_id, total))
        return sent

    def _amend(self, account: int, order_id: int, asked: Amendment) -> SentCommand | None:
        """The command under way; None when the amendment changes nothing."""
        order = self.live_order(account, order_id)
        now = amendments.current_terms(order)
        terms = amendments.new_terms(order, asked)
        if terms == now:
            return None
        if terms.open == 0:
            return self._reduce(account, order, 0)
        amendments.check(terms, order, self._market.instruments[order.instrument], self.describe)
        if terms.open < now.open and terms[1:] == now[1:]:
            return self._reduce(account, order, terms.open)
        return self._replace(account, order, terms)

    def _replace(self, account: int, order: Order, terms: amendments.NewTerms) -> SentCommand:
        session = self._session(account)
        if order.session != session:
            raise ApiError(
                ErrorCode.ORDER_OF_ANOTHER_SESSION,
                "the order was entered through another order entry session, which alone can "
                "replace it; here it can be cancelled and its quantity lowered",
                data=self.describe(order),
            )
        total = _executed(order) + terms.open
        record = amendments.replacement_of(self._clock_ns(), session, order, terms, total)
        sent = SentCommand(CommandKind.REPLACE_BY_ORDER_ID, account, session)
        sent.order_id, sent.filled_most, sent.terms = order.order_id, total, terms
        self._send(sent, record)
        return sent

    def _mass_cancel(self, account: int, symbol: str | None, side: str | None) -> SentCommand:
        session = self._session(account)
        sent = SentCommand(CommandKind.MASS_CANCEL, account, session)
        sent.instrument = 0 if symbol is None else self._instrument(symbol)
        sent.side = {None: MASS_CANCEL_ANY_SIDE, "buy": 0, "sell": 1}[side]
        record = mass_cancel_command(self._clock_ns(), session, sent.instrument, sent.side)
        self._send(sent, record)
        return sent

    def _cancel_after(self, account: int, seconds: int) -> SentCommand:
        session = self._session(account)
        sent = SentCommand(CommandKind.CANCEL_AFTER, account, session)
        self._send(sent, cancel_after_command(self._clock_ns(), session, seconds))
        return sent

    def _accepted(self, order: Order) -> Order:
        """``order``; raises the ApiError of a rejected one."""
        if order.status == STATUS_REJECTED:
            instrument = self._market.instruments.get(order.instrument)
            text = self._amounts(Reject(order.reason), order, order.price, order.quantity)
            raise order_rejected(order, instrument, self.describe(order), text)
        return order

    def _change_rejected(self, sent: SentCommand, reason: int) -> ApiError:
        reject = Reject(reason)
        order = self._accounts.order(sent.order_id)
        if order is None or sent.terms is None:
            return change_rejected(reject)
        terms: amendments.NewTerms = sent.terms
        return change_rejected(reject, self._amounts(reject, order, terms.price, terms.open))

    def _amounts(self, reject: Reject, order: Order, price: int, quantity: int) -> str | None:
        """What the order at ``price`` needed and what there was, where ``reject`` is about that."""
        instrument = self._market.instruments.get(order.instrument)
        if instrument is None:
            return None
        asked = Asked(reject, price, quantity)
        return amounts_text(asked, order, instrument, self._accounts)

    def _require_same(self, found: Order, asked: NewOrder) -> None:
        """Raises ApiError when ``found`` was made from other terms than ``asked``.

        ``found`` may have been amended since: then what it was at first counts.
        """
        instrument = self._market.instruments.get(found.instrument)
        symbol = "" if instrument is None else instrument.symbol
        one: Order | None = found
        while one is not None and one.token == found.token:
            if amendments.is_same(one, symbol, asked):
                return
            one = self._accounts.order(one.replaces) if one.replaces else None
        raise client_order_id_used(asked.client_order_id or "", self.describe(found))

    # --- the ring ---------------------------------------------------------------------------------

    def _send(self, sent: SentCommand, record: bytes) -> None:
        """Write one command; it is published at the end of this turn of the event loop."""
        # acquire: orders nothing; the daemon waits for what is published after its stop word
        if self._closed or load_acquire(self._cursors, pipeline.STOP_INTAKE):
            raise unavailable("the exchange is stopping")
        if self._commands is not None:
            # before it is written: what the matcher refuses is in the journal for ever
            wait_ns = self._commands.take(str(sent.account), time.monotonic_ns())
            if wait_ns:
                raise too_many(wait_ns, "account (cancels and changes count too)")
        if self._marks is not None and sent.kind in MARKED:
            record, sent.mark = self._marks.mark(record)
        if not self._producer.write(record):
            raise unavailable("too many orders are under way")
        sent.end = self._producer.next_sequence
        self._counters[self._written] += 1
        self._outcomes.watch(sent)
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        self._producer.publish()

    def room(self) -> int:
        """Slots of the ring that can be written now."""
        return self._producer.room()

    def settled(self, sent: SentCommand, outcome: Outcome) -> Order:
        """The order that ``sent`` has made or changed, and that is not refused. Raises ApiError."""
        if outcome.error is not None:
            raise outcome.error
        order = self._accounts.order(outcome.order_id)
        if order is None:  # more orders have closed since than are kept
            raise order_not_found(outcome.order_id)
        if sent.kind == CommandKind.ENTER and sent.terms.client_order_id is not None:
            # another process, or one before this one, may have entered another order with this id
            self._require_same(order, sent.terms)
        return self._accepted(order)

    async def _order_of(self, sent: SentCommand) -> Order:
        return self.settled(sent, await self._outcomes.wait(sent))
