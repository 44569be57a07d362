"""The services of gRPC on the engine and the models of ``api_core``, without a server.

Who uses it: the unit tests of ``exchange/connect/grpc``. A handler is called as gRPC calls it, with
bytes and a context that notes what it is told.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from api_core import ApiCore, run

from exchange.access.keys import READ, TRADE, Key
from exchange.api.errors import ApiError, ErrorCode
from exchange.connect.grpc.access import Caller
from exchange.connect.grpc.handlers import Frame
from exchange.connect.grpc.parts import Parts
from exchange.records import EVENT

SECTION = SimpleNamespace(
    batch_events=64,
    batch_instructions=16,
    batches_under_way=2,
    book_interval_ms=1,
    stall_timeout_ms=50,
    streams=3,
    streams_per_address=2,
)


def key_of(account: int, *permissions: str) -> Key:
    now = datetime.datetime.now(datetime.UTC)
    return Key("KEY", account, frozenset(permissions or (READ, TRADE)), "", now, None)  # type: ignore[arg-type]


class _Follower:
    """As ``EventFollower``, of the events of an ``ApiCore``."""

    def __init__(self, core: ApiCore, first: int) -> None:
        self._core = core
        self.next_sequence = first
        self._kinds: list[int] = []

    def only(self, kinds: Any) -> None:
        self._kinds = [int(kind) for kind in kinds]

    def read(self, limit: int) -> np.ndarray:
        if limit <= 0:
            return np.zeros(0, EVENT)
        found = self._core.archive.events[self.next_sequence : self.next_sequence + limit]
        self.next_sequence += len(found)
        return found[np.isin(found["kind"], self._kinds)]


class Aborted(Exception):
    """What gRPC raises in a handler that has aborted its call."""


class Context:
    """A call: what was sent, and how it ended. ``stalled``: nothing is taken."""

    def __init__(self, *, stalled: bool = False) -> None:
        self.sent: list[bytes] = []
        self.status: Any = None
        self.details = ""
        self.trailing: dict[str, Any] = {}
        self._stalled = stalled

    def peer(self) -> str:
        return "ipv4:127.0.0.1:5000"

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return ()

    async def write(self, message: bytes) -> None:
        if self._stalled:
            await asyncio.Event().wait()
        self.sent.append(message)

    async def abort(self, status: Any, details: str, trailing: Any) -> None:
        self.status, self.details, self.trailing = status, details, dict(trailing)
        raise Aborted(details)


class GrpcWorld:
    """Stands in for ``parts.Parts``; calls are those of account 1 until ``caller`` is another."""

    symbol = Parts.symbol
    message_of = Parts.message_of
    instrument = Parts.instrument

    def __init__(self, core: ApiCore) -> None:
        self.core = core
        self.market, self.accounts, self.gateway = core.market, core.accounts, core.gateway
        self.section = SimpleNamespace(**vars(SECTION))
        self.outcome_timeout_s = 60.0
        self.stopping = asyncio.Event()
        self.caller = Caller("127.0.0.1", key_of(1))
        self.access = self
        self.counted = 0
        self.revoked = False
        self.pump = self
        self.stage = SimpleNamespace(
            archive=lambda: SimpleNamespace(oldest=lambda: 0),
            follower=lambda first: _Follower(core, first),
        )
        self.frame = Frame(self)  # type: ignore[arg-type]

    @property
    def next_event(self) -> int:
        return int(self.market.next_event)

    def check(self, context: Any, path: str, raw: bytes, permission: Any) -> Caller:
        return self.caller

    def count(self, what: Any, amount: int = 1) -> None:
        if isinstance(what, Caller):
            self.counted += amount

    def check_live(self, caller: Caller) -> None:
        if self.revoked:
            raise ApiError(ErrorCode.KEY_UNKNOWN, "the API key was revoked")

    def check_ready(self) -> None:
        if self.stopping.is_set():
            raise ApiError(ErrorCode.UNAVAILABLE, "the exchange is stopping")

    async def next_turn(self) -> None:
        await asyncio.sleep(0.001)


def with_world(test: Callable[[GrpcWorld], Awaitable[None]]) -> None:
    """Run ``test`` on a new world."""

    async def body(core: ApiCore) -> None:
        await test(GrpcWorld(core))

    run(body)


async def call(handler: Any, request: Any, answer: Any) -> Any:
    """The answer of a call with one answer; its Context when it was refused."""
    context = Context()
    try:
        return answer.FromString(await handler.unary_unary(request.SerializeToString(), context))
    except Aborted:
        return context
