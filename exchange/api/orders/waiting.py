"""The commands that a gateway has sent: each one waits here until its outcome is known.

Who uses it: the order gateway, in the event loop of the api stage. Most outcomes are events. Some
commands cause no event (the cancel of an order that has just been filled, a used token). Their
outcome is known when the matcher has applied the command, everything up to there is durable and
released, and the read models have applied it:

    taken      the ingress ring's consumed cursor has passed the command
    applied    the matcher has begun a later duty cycle (its heartbeat; it is woken for one): that
               in which it took the command is over, COMMAND_APPLIED and EVENT_PUBLISHED count it
    released   COMMAND_DURABLE and EVENT_RELEASED have reached what they were then
    seen       the account model has applied those events

Invariants: an outcome is durable when it is given; every published command gets an outcome, in the
order of the ring, as long as the core runs (this process ends when the core does).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from exchange.api.errors import ApiError
from exchange.codes import CommandKind
from exchange.core import pipeline
from exchange.core.counters import Counter
from ringbuffer.atomics import load_acquire
from ringbuffer.counters import COUNTER_STRIDE

_HEARTBEAT = int(Counter.MATCHER_HEARTBEAT_NS) * COUNTER_STRIDE


class Barrier:
    """The sequence of the ingress ring up to which the outcomes of all commands are known."""

    def __init__(
        self,
        cursors: np.ndarray[Any, Any],
        counters: np.ndarray[Any, Any],
        seen_event: Callable[[], int],
        wake_matcher: Callable[[], None],
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        *,
        ring: pipeline.IngressRing = pipeline.IngressRing.API,
    ) -> None:
        self._consumed = pipeline.ingress_consumed(ring)
        self._cursors = cursors
        self._counters = counters
        self._seen_event = seen_event
        self._wake_matcher = wake_matcher
        self._monotonic_ns = monotonic_ns
        self._taken = -1  # sequence of the ring that is being waited for
        self._taken_ns = 0
        self._command = -1  # COMMAND_APPLIED then; -1: the duty cycle may not be over
        self._event = 0

    def passed(self, wanted: int) -> int:
        """Advance as far as possible. Returns the sequence passed, if that is ``wanted`` or more.

        Returns 0 otherwise: call again soon.
        """
        cursors = self._cursors
        if self._taken < 0:
            taken = load_acquire(cursors, self._consumed)
            if taken < wanted:
                return 0
            self._taken, self._taken_ns, self._command = taken, self._monotonic_ns(), -1
            self._wake_matcher()
        if self._command < 0:
            # acquire: the cursors below are not older than that duty cycle
            if load_acquire(self._counters, _HEARTBEAT) <= self._taken_ns:
                return 0
            # acquire, in this order: the events of the commands that are counted first are counted
            self._command = load_acquire(cursors, pipeline.COMMAND_APPLIED)
            self._event = load_acquire(cursors, pipeline.EVENT_PUBLISHED)
        if (
            load_acquire(cursors, pipeline.COMMAND_DURABLE) < self._command
            or load_acquire(cursors, pipeline.EVENT_RELEASED) < self._event
            or self._seen_event() < self._event
        ):
            return 0
        taken, self._taken = self._taken, -1
        return taken if taken >= wanted else 0


class Waiter(Protocol):
    """Who is told an outcome: an ``asyncio.Future[Outcome]`` has it."""

    def done(self) -> bool:
        """Whether nobody wants to know any more."""

    def set_result(self, outcome: Outcome, /) -> None:
        """The outcome; called once."""


class Outcome(NamedTuple):
    """The result of a command: an order, an error, or the ids of the orders that it cancelled."""

    order_id: int = 0
    error: ApiError | None = None
    order_ids: tuple[int, ...] = ()


class SentCommand:
    """A command that was written into the ring. ``done``: its outcome has been found."""

    __slots__ = (
        "account",
        "done",
        "end",
        "filled_most",
        "instrument",
        "kind",
        "mark",
        "order_id",
        "order_ids",
        "remaining",
        "sent_s",
        "session",
        "side",
        "terms",
        "token",
        "unclear",
        "waiters",
    )

    def __init__(self, kind: CommandKind, account: int, session: int) -> None:
        self.kind = kind
        self.account = account
        self.session = session  # the session whose events carry the outcome
        self.order_id = 0  # the order that it is about, 0: none or several
        self.token = b""  # of the order that it makes
        self.mark = b""  # by which its events are known (marks.py); "": there is none
        self.unclear = False  # whether an event may have been its own
        self.terms: Any = None  # NewOrder of an ENTER, NewTerms of a REPLACE_BY_ORDER_ID
        self.remaining = 0  # CANCEL_BY_ORDER_ID: open quantity that is wanted
        self.filled_most = 0  # REPLACE_BY_ORDER_ID: once so much is filled nothing may be left
        self.instrument = 0  # MASS_CANCEL, 0: any
        self.side = 0  # MASS_CANCEL
        self.order_ids: list[int] = []  # MASS_CANCEL: those that are gone
        self.end = 0  # sequence of the ring behind its last slot
        self.sent_s = 0.0  # monotonic
        self.done = False
        self.waiters: list[Waiter] = []

    def tell(self, outcome: Outcome) -> None:
        """Answer the present waiters; later ones wait for the final outcome."""
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            if not waiter.done():  # done: its client has disconnected
                waiter.set_result(outcome)


class SentCommands:
    """The commands without an outcome, in the order of the ring."""

    def __init__(self, barrier: Barrier) -> None:
        self._barrier = barrier
        self._queue: deque[SentCommand] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def __iter__(self) -> Iterator[SentCommand]:
        return iter(self._queue)

    def append(self, sent: SentCommand) -> None:
        """Add ``sent``, which is behind all others in the ring."""
        self._queue.append(sent)

    def settle(self, silent: Callable[[SentCommand], None]) -> None:
        """Drop commands that are done; call ``silent`` with each that will cause no event."""
        queue = self._queue
        while queue:
            while queue and queue[0].done:
                queue.popleft()
            if not queue:
                return
            passed = self._barrier.passed(queue[0].end)
            if passed == 0:
                return
            while queue and queue[0].end <= passed:
                sent = queue.popleft()
                if not sent.done:
                    silent(sent)
