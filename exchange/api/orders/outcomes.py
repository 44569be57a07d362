"""Finds the outcomes of the API's commands in the released events, and answers their waiters.

Who uses it: the order gateway. Invariants: an outcome is given once, after the last event of its
command (an order that trades at once is answered with its fills) and after the models have applied
it. When several commands about one order are under way, an event belongs to the one that has caused
it where commands have marks (marks.py), and otherwise to the first that it fits.

Decisions API-4 and CON-42.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from exchange.api.errors import ApiError, ErrorCode
from exchange.api.orders.errors import (
    client_order_id_used,
    order_closed,
    order_not_found,
    outcome_unknown,
)
from exchange.api.orders.json import CLOSED_STATUSES, STATUS_CANCELLED
from exchange.api.orders.marks import Entrance
from exchange.api.orders.waiting import Barrier, Outcome, SentCommand, SentCommands
from exchange.codes import MASS_CANCEL_ANY_SIDE, CancelReason, CommandKind, EventKind, Side
from exchange.core import pipeline
from exchange.records import (
    EVENT,
    EVENT_KIND,
    EVENT_SESSION,
    EVENT_SIZE_BYTES,
    record_struct,
)
from ringbuffer.atomics import load_acquire
from ringbuffer.counters import record

if TYPE_CHECKING:
    from exchange.read_model.accounts.model import AccountModel
    from exchange.read_model.accounts.types import Order

Array = np.ndarray[Any, Any]
SETTLE_INTERVAL_S = 0.002  # while an outcome is not known: some commands cause no event
_EVERY_COMMAND = (1 << 63) - 1
_SESSIONS = 1 << 16
_WANTED_KINDS = frozenset(
    {
        EventKind.ACCEPTED,
        EventKind.REJECTED,
        EventKind.REPLACED,
        EventKind.CANCELED,
        EventKind.CANCEL_REJECTED,
    }
)
_WANTED = np.zeros(256, np.bool_)
_WANTED[sorted(_WANTED_KINDS)] = True
# Batches of up to so many events are read as bytes; each numpy call costs as much as an event.
_FEW_EVENTS = 64


class _Event(NamedTuple):
    """What an outcome needs of an event, in the order of the record."""

    command: int
    order_id: int
    token: bytes
    session: int
    kind: int
    reason: int
    replaced: int  # contra_order_id: REPLACED
    remaining: int


_FIELDS = record_struct(
    EVENT, "command_sequence", "order_id", "token", "session", "kind", "reason", "contra_order_id",
    "remaining",
)  # fmt: skip
_SESSION_AT, _KIND_AT = EVENT_SESSION.offset, EVENT_KIND.offset


class OrderOutcomes:
    """``describe``: an order as JSON. ``wake_matcher``: have it begin a duty cycle soon.

    ``refused``: the error of a change or cancel that the matcher refused, with its codes.Reject.
    """

    def __init__(
        self,
        cursors: Array,
        counters: Array,
        accounts: AccountModel,
        *,
        wake_matcher: Callable[[], None],
        describe: Callable[[Order], dict[str, Any]],
        refused: Callable[[SentCommand, int], ApiError],
        client_order_id: Callable[[bytes], str | None],
        timeout_s: float,
        outcome_ns: Array | None = None,
        entrance: Entrance | None = None,
    ) -> None:
        entrance = entrance or Entrance()
        self._marks = entrance.marks
        self._cursors = cursors
        self._accounts = accounts
        self._describe = describe
        self._refused = refused
        self._client_order_id = client_order_id
        self._timeout_s = timeout_s
        self._outcome_ns = outcome_ns
        self._queue = SentCommands(
            Barrier(
                cursors,
                counters,
                lambda: accounts.next_event,
                wake_matcher,
                ring=entrance.ring,
            )
        )
        self._by_token: dict[tuple[int, bytes], SentCommand] = {}
        self._by_order: dict[int, list[SentCommand]] = {}
        self._mass_cancels: list[SentCommand] = []
        self._watched: dict[int, int] = {}  # session: commands under way
        self._is_watched = np.zeros(_SESSIONS, np.bool_)  # the same, for many events at once
        # (command, SentCommand, Outcome) of commands that may have further events
        self._ready: list[tuple[int, SentCommand, Outcome]] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def under_way(self) -> int:
        """Commands whose outcome is not known."""
        return sum(not sent.done for sent in self._queue)

    def entering(self, session: int, token: bytes) -> SentCommand | None:
        """The ENTER under way with this token."""
        return self._by_token.get((session, token))

    def watch(self, sent: SentCommand) -> None:
        """Await the outcome of ``sent``, which is behind all watched commands in the ring."""
        loop = asyncio.get_running_loop()
        sent.sent_s = loop.time()
        self._queue.append(sent)
        watched = self._watched.get(sent.session, 0)
        self._watched[sent.session] = watched + 1
        if watched == 0:
            self._is_watched[sent.session] = True
        if sent.token:
            self._by_token[sent.session, sent.token] = sent
        if sent.order_id:
            self._by_order.setdefault(sent.order_id, []).append(sent)
        if sent.kind == CommandKind.MASS_CANCEL:
            self._mass_cancels.append(sent)
        if self._timer is None:
            self._timer = loop.call_later(SETTLE_INTERVAL_S, self._settle_later)

    async def wait(self, sent: SentCommand) -> Outcome:
        """The outcome of ``sent``. Raises ApiError."""
        waiter: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        sent.waiters.append(waiter)
        outcome = await waiter
        if outcome.error is not None:
            raise outcome.error
        return outcome

    # --- events -----------------------------------------------------------------------------------

    def learn(self, events: Array) -> None:
        """Released events, consecutive EVENT records; the models have applied them."""
        if len(events) == 0 or not (self._queue or self._ready):
            return
        if len(events) <= _FEW_EVENTS:
            raw = events.tobytes()
        else:
            kinds = events["kind"]
            watched = self._is_watched[events["session"]]
            if self._mass_cancels:
                watched |= kinds == EventKind.CANCELED
            # as bytes: numpy would copy record by record and field by field
            octets = events.view(np.uint8).reshape(-1, EVENT_SIZE_BYTES)
            raw = octets[np.flatnonzero(_WANTED[kinds] & watched)].tobytes()
        for at in range(0, len(raw), EVENT_SIZE_BYTES):
            if raw[at + _KIND_AT] in _WANTED_KINDS:
                session = raw[at + _SESSION_AT] | raw[at + _SESSION_AT + 1] << 8
                if session in self._watched or self._mass_cancels:
                    self._learn_one(_Event._make(_FIELDS.unpack_from(raw, at)))
        self._finish_ready(int(events["command_sequence"][-1]))
        self._queue.settle(self._silent)

    def _learn_one(self, event: _Event) -> None:
        kind = event.kind
        if kind == EventKind.REPLACED:
            for asked in self._by_order.get(event.replaced, ()):
                if asked.kind == CommandKind.REPLACE_BY_ORDER_ID and self._is_of(event, asked):
                    self._known(event.command, asked, Outcome(event.order_id))
                    return
            return
        if kind in (EventKind.ACCEPTED, EventKind.REJECTED):
            sent = self._by_token.get((event.session, event.token))
            if sent is not None:
                self._known(event.command, sent, Outcome(event.order_id))
            return
        if kind == EventKind.CANCELED:
            if event.reason != CancelReason.USER:
                return  # the order closed by itself; ``settle`` answers a cancel under way
            if event.remaining == 0 and self._mass_cancels:
                self._count_mass_cancels(event)
        for sent in self._by_order.get(event.order_id, ()):
            if self._is_of(event, sent):
                self._learn_of_order(event, sent)
                return

    def _is_of(self, event: _Event, sent: SentCommand) -> bool:
        """Whether ``event`` is of ``sent``. It may be what another process has caused."""
        if self._marks is None:
            return True
        mark = self._marks.of(event.command)
        if mark is None:
            sent.unclear = True  # then the order's state will tell, as far as it can
        return mark == sent.mark

    def _learn_of_order(self, event: _Event, sent: SentCommand) -> None:
        command, order_id = event.command, event.order_id
        if event.kind == EventKind.CANCEL_REJECTED:
            self._known(command, sent, Outcome(order_id, self._refused(sent, event.reason)))
        elif sent.kind == CommandKind.CANCEL_BY_ORDER_ID:
            if event.remaining <= sent.remaining:
                self._known(command, sent, Outcome(order_id))
        elif event.remaining == 0:
            order = self._accounts.order(order_id)
            if order is not None and order.filled_before + order.filled >= sent.filled_most:
                self._known(command, sent, Outcome(order_id))  # it was to have no more than that
            else:
                error = ApiError(ErrorCode.ORDER_CLOSED, "the order was cancelled meanwhile")
                self._known(command, sent, Outcome(order_id, error))

    def _count_mass_cancels(self, event: _Event) -> None:
        order = self._accounts.order(event.order_id)
        if order is None:
            return
        mark = None if self._marks is None else self._marks.of(event.command)
        book_side = int(order.side != Side.BUY)
        for sent in self._mass_cancels:
            if (
                mark in (None, sent.mark)
                and order.account == sent.account
                and sent.instrument in (0, order.instrument)
                and sent.side in (MASS_CANCEL_ANY_SIDE, book_side)
            ):
                sent.order_ids.append(event.order_id)

    def _known(self, command: int, sent: SentCommand, outcome: Outcome) -> None:
        self._forget(sent)
        self._ready.append((command, sent, outcome))

    def _forget(self, sent: SentCommand) -> None:
        """Await no further event for ``sent``."""
        sent.done = True
        if self._outcome_ns is not None:
            elapsed_s = asyncio.get_running_loop().time() - sent.sent_s
            record(self._outcome_ns, int(elapsed_s * 1e9))
        watched = self._watched[sent.session] - 1
        if watched:
            self._watched[sent.session] = watched
        else:
            del self._watched[sent.session]
            self._is_watched[sent.session] = False
        if sent.token:
            del self._by_token[sent.session, sent.token]
        if sent.order_id:
            queue = self._by_order[sent.order_id]
            queue.remove(sent)
            if not queue:
                del self._by_order[sent.order_id]
        if sent.kind == CommandKind.MASS_CANCEL:
            self._mass_cancels.remove(sent)

    def _finish_ready(self, last_command: int) -> None:
        """Answer commands without further events: only then does an answer show all fills."""
        if not self._ready:
            return
        if self._accounts.next_event >= load_acquire(self._cursors, pipeline.EVENT_RELEASED):
            last_command = _EVERY_COMMAND  # the models have applied every released event
        ready, self._ready = self._ready, []
        for command, sent, outcome in ready:
            if command < last_command:
                self._tell(sent, outcome)
            else:
                self._ready.append((command, sent, outcome))

    def _tell(self, sent: SentCommand, outcome: Outcome) -> None:
        error = outcome.error
        if error is not None and error.data is None and outcome.order_id:
            order = self._accounts.order(outcome.order_id)
            error.data = None if order is None else self._describe(order)
        sent.tell(outcome)

    # --- without an event -------------------------------------------------------------------------

    def _silent(self, sent: SentCommand) -> None:
        """``sent`` has caused no event, and every event before it has been applied."""
        self._forget(sent)
        sent.tell(self._silent_outcome(sent))

    def _silent_outcome(self, sent: SentCommand) -> Outcome:
        if sent.kind in (CommandKind.MASS_CANCEL, CommandKind.CANCEL_AFTER):
            return Outcome(order_ids=tuple(sent.order_ids))
        if sent.kind == CommandKind.ENTER:
            # its token was used before: by a stage before this one, or by an order not kept
            order = self._accounts.order_by_token(sent.session, sent.token)
            if order is not None:
                return Outcome(order.order_id)
            return Outcome(
                error=client_order_id_used(self._client_order_id(sent.token) or "", None)
            )
        order = self._accounts.order(sent.order_id)
        if order is None:
            return Outcome(error=order_not_found(sent.order_id))
        if sent.unclear and sent.kind == CommandKind.CANCEL_BY_ORDER_ID:
            lowered = sent.remaining > 0 and order.open <= sent.remaining
            if lowered or order.status == STATUS_CANCELLED:
                return Outcome(order.order_id)
            if order.status not in CLOSED_STATUSES:
                return Outcome(error=outcome_unknown())
        elif sent.unclear:
            return Outcome(error=outcome_unknown())  # the same amendment again is answered
        if order.status in CLOSED_STATUSES:
            return Outcome(error=order_closed(order, self._describe(order)))
        return Outcome(order.order_id)  # another command had lowered it further

    def _settle_later(self) -> None:
        self._timer = None
        self._finish_ready(-1)
        self._queue.settle(self._silent)
        loop = asyncio.get_running_loop()
        late_s = loop.time() - self._timeout_s
        for sent in self._queue:
            if sent.sent_s > late_s:
                break
            if sent.waiters:
                sent.tell(Outcome(error=outcome_unknown()))
        if self._queue or self._ready:
            self._timer = loop.call_later(SETTLE_INTERVAL_S, self._settle_later)

    def close(self) -> None:
        """The stage ends: answer all waiters."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting = [*self._queue, *(sent for _, sent, _ in self._ready)]
        for sent in waiting:
            sent.tell(Outcome(error=outcome_unknown()))
