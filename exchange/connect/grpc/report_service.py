"""ReportService: execution reports after a sequence, out of the archive and then as they happen.

Who uses it: lifecycle.py. Each stream reads events itself, at the pace of its client, and never
ahead of the models; so nothing waits for a slow one and nothing is kept for it: what the event ring
no longer has comes from the archive.

Invariants: every report of the account between the stream's beginning and ``through_sequence`` has
been sent, in order, once; all reports of an event are in one message.

Decision CON-44.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import numpy as np

from exchange.access.keys import READ
from exchange.api.errors import ApiError, ErrorCode
from exchange.connect.grpc.access import Caller
from exchange.connect.grpc.handlers import Frame
from exchange.connect.grpc.messages import v1
from exchange.connect.grpc.parts import Parts
from exchange.connect.grpc.reports import KINDS, reports_of
from exchange.core.counters import Counter
from exchange.core.follower import EventFollower

if TYPE_CHECKING:
    import grpc

NAME = "ReportService"
REPORTS_IN_MESSAGE = 1_000
QUIET_S = 5.0  # a stream without reports says how far it is
SESSIONS = 1 << 16


def first_event(parts: Parts, request: Any) -> int:
    """The event after the request's ``after_sequence``. Raises ApiError INVALID_CURSOR."""
    next_event = parts.pump.next_event
    if not request.HasField("after_sequence"):
        return next_event
    first = int(request.after_sequence) + 1
    oldest = parts.stage.archive().oldest()
    if not oldest <= first <= next_event:
        raise ApiError(
            ErrorCode.INVALID_CURSOR,
            f"after_sequence: allowed are {oldest - 1} to {next_event - 1}, not {first - 1}: "
            "older events have left the archive, and newer ones have not happened",
            data={"field": "after_sequence"},
        )
    return first


def follower_of(parts: Parts, first: int, kinds: Any) -> EventFollower:
    """Reads the events of ``kinds`` from ``first`` on."""
    follower = parts.stage.follower(first)
    follower.only(kinds)
    return follower


def read(parts: Parts, follower: EventFollower) -> np.ndarray:
    """The next events, none that the models do not know."""
    limit = min(parts.section.batch_events, parts.pump.next_event - follower.next_sequence)
    return follower.read(limit)


class ReportService:
    """The methods of the service."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def handlers(self, frame: Frame) -> dict[str, grpc.RpcMethodHandler]:
        """The handlers by method."""
        return {"Reports": frame.stream(NAME, "Reports", v1.ReportsRequest, self._reports, READ)}

    def _own(self, account: int) -> np.ndarray:
        """bool[65536]: the account's sessions."""
        accounts = self._parts.accounts
        sessions = range(1, min(accounts.capacity.sessions, SESSIONS))
        own = np.zeros(SESSIONS, np.bool_)
        own[[each for each in sessions if accounts.account_of_session(each) == account]] = True
        return own

    async def _reports(self, caller: Caller, request: Any) -> AsyncIterator[Any]:
        parts = self._parts
        follower = follower_of(parts, first_event(parts, request), KINDS)
        own = self._own(caller.account)
        funds = _Funds(parts, caller.account) if request.funds else None
        is_first, told_s = True, 0.0
        while True:
            parts.check_ready()
            parts.access.check_live(caller)
            events = read(parts, follower)
            caught_up = follower.next_sequence >= parts.pump.next_event
            reports = []
            if len(events):
                reports = reports_of(events, own, parts.symbol, parts.gateway.client_order_id)
            # whole events: the last message of a batch says through which one
            while len(reports) > REPORTS_IN_MESSAGE:
                part, reports = _split(reports)
                parts.count(Counter.CONNECT_GRPC_RECORDS, len(part))
                yield v1.ReportBatch(reports=part, through_sequence=part[-1].sequence)
            message = v1.ReportBatch(
                reports=reports,
                through_sequence=follower.next_sequence - 1,
                caught_up=caught_up,
            )
            changed = caught_up and funds is not None and funds.put_changed(message)
            quiet = time.monotonic() - told_s > QUIET_S
            if reports or changed or quiet or (caught_up and is_first):
                is_first = is_first and not caught_up
                told_s = time.monotonic()
                parts.count(Counter.CONNECT_GRPC_RECORDS, len(reports))
                yield message
            if caught_up and follower.next_sequence >= parts.pump.next_event:
                await parts.next_turn()
                own = self._own(caller.account) if len(own) == 0 else own
            else:
                await asyncio.sleep(0)


def _split(reports: list[Any]) -> tuple[list[Any], list[Any]]:
    """The first REPORTS_IN_MESSAGE, and those of the same event as the last of them; the rest."""
    end = REPORTS_IN_MESSAGE
    while end < len(reports) and reports[end].sequence == reports[end - 1].sequence:
        end += 1
    return reports[:end], reports[end:]


class _Funds:
    """What a stream was told last of an account's balances and positions."""

    def __init__(self, parts: Parts, account: int) -> None:
        self._parts = parts
        self._account = account
        self._balances: dict[int, tuple[int, int]] = {}
        self._positions: dict[int, tuple[int, int, int]] = {}

    def put_changed(self, message: Any) -> bool:
        """Add what has changed since the last call to a ReportBatch; whether anything has."""
        accounts = self._parts.accounts
        currencies = accounts.currencies()
        before = len(message.balances) + len(message.positions)
        for number, told in sorted(accounts.account(self._account).balances.items()):
            if self._balances.get(number) != told:
                self._balances[number] = told
                currency = currencies[number]
                message.balances.add(
                    currency=currency.code,
                    decimals=currency.decimals,
                    balance=told[0],
                    frozen=told[1],
                )
        for position in accounts.positions(self._account):
            now = (position.quantity, position.frozen, position.available)
            if self._positions.get(position.instrument) != now:
                self._positions[position.instrument] = now
                message.positions.add(
                    symbol=self._parts.symbol(position.instrument),
                    quantity=now[0],
                    frozen=now[1],
                    available=now[2],
                )
        return len(message.balances) + len(message.positions) > before
