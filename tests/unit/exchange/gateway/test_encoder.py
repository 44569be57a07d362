"""Events that few orders cause, as messages: each field where it belongs, live and resumed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from exchange.client.order_entry import Sequenced
from exchange.codes import CancelReason, EventKind, OrderType, Reject, Side, TradeReason
from exchange.core import pipeline
from exchange.records import EVENT
from tests.harness.order_entry_core import MIDNIGHT_NS, PASSWORD, Core, username, wait_for
from tests.harness.patient_client import PatientClient

pytestmark = pytest.mark.needs_jit


class Script:
    """Makes the events of a core that has none of its own to tell."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.numbers = {1: 1, 2: 1}  # the start of the day was number 1

    def emit(self, kind: EventKind, token: str = "", **fields: int) -> None:
        core = self.core
        event = np.zeros(1, EVENT)
        event["sequence"] = core.archive.count
        event["timestamp_ns"] = MIDNIGHT_NS + 77
        event["kind"] = int(kind)
        event["instrument"] = 1
        raw = token.encode().ljust(14)
        for name, part in (("token_0", raw[:8]), ("token_1", raw[8:12]), ("token_2", raw[12:])):
            event[name] = int.from_bytes(part, "little")
        for name, value in fields.items():
            event[name] = int(value)
        for prefix in ("", "contra_"):
            session = fields.get(f"{prefix}session", 0)
            if session:
                self.numbers[session] += 1
                event[f"{prefix}session_sequence"] = self.numbers[session]
        core.release(event)


def script_everything(script: Script) -> None:
    script.emit(
        EventKind.SELF_TRADE_PREVENTED,
        "resting",
        session=1,
        side=Side.SELL,
        quantity=70,
        prevented=40,
        price=1_234_500,
        liquidity=ord("A"),
        order_type=OrderType.LIMIT,
    )
    script.emit(
        EventKind.SELF_TRADE_PREVENTED,
        "incoming",
        session=1,
        side=Side.BUY,
        quantity=1 << 40,  # other interfaces may: cut to what the wire can say
        prevented=40,
        price=1_234_500,
        liquidity=ord("R"),
        order_type=OrderType.MARKET,
    )
    script.emit(EventKind.CANCEL_REJECTED, "halted", session=1, reason=Reject.INSTRUMENT_HALTED)
    for reason in TradeReason:
        # both sides are the same session: two messages, the maker's first
        contra = int.from_bytes(b"taker   ", "little")
        rest = int.from_bytes(b"    ", "little")
        script.emit(
            EventKind.TRADE,
            "maker",
            session=1,
            contra_session=1,
            contra_token_0=contra,
            contra_token_1=rest,
            contra_token_2=rest & 0xFFFF,
            quantity=5,
            price=99,
            reason=reason,
        )
    for reject in Reject:
        if 0 < reject < Reject.INSTRUMENT_EXISTS:
            script.emit(EventKind.REJECTED, reject.name[:14], session=1, reason=reject)
    script.emit(
        EventKind.CANCELED,
        "broken",
        session=1,
        quantity=3,
        reason=CancelReason.REGULATORY,
    )
    script.emit(EventKind.ACCEPTED, "stop", session=1, order_type=OrderType.STOP, quantity=1)
    # events that no session is told about, also with a session in them
    for kind in (EventKind.TERMS, EventKind.HELD, EventKind.TRIGGERED, EventKind.LEVEL):
        event_number = script.numbers[1]
        script.emit(kind, "nobody")
        assert script.numbers[1] == event_number
    script.emit(EventKind.CANCELED, "last", session=1, quantity=1, reason=CancelReason.SYSTEM)


def read(gateway: Any, count: int) -> list[Sequenced]:
    with PatientClient("127.0.0.1", gateway.port) as client:
        client.login(username(1), PASSWORD)
        return [client.receive() for _ in range(count)]


def test_rare_events_as_messages(make_gateway: Callable[..., Any]) -> None:
    gateway = make_gateway()
    core = gateway.core
    wait_for(lambda: core.cursors[pipeline.ingress_consumed(1)] == 1, "the gateway's first command")
    core.consume = False  # from here on the events are ours
    script = Script(core)
    with PatientClient("127.0.0.1", gateway.port) as client:
        client.login(username(1), PASSWORD)
        client.receive()
        script_everything(script)
        live = [client.receive() for _ in range(script.numbers[1] - 1)]
    wait_for(lambda: not gateway.agent._connections.sockets, "the end of the connection")
    assert [m.letter for m in live[:3]] == ["D", "D", "I"]
    assert live[0].fields == {
        "timestamp": 77,
        "token": "resting",
        "decrement": 70,
        "reason": "Q",
        "prevented": 40,
        "price": 1_234_500,
        "liquidity": "A",
    }
    assert live[1].fields["decrement"] == 0xFFFFFFFF
    assert live[1].fields["liquidity"] == "R"
    assert live[2].fields == {"timestamp": 77, "token": "halted"}
    executed = [(m.fields["token"], m.fields["liquidity"]) for m in live if m.letter == "E"]
    assert executed == [
        ("maker", "A"), ("taker", "R"), ("maker", "O"), ("taker", "O"), ("maker", "C"),
        ("taker", "C"),
    ]  # fmt: skip
    letters = {str(m.fields["token"]): m.fields["reason"] for m in live if m.letter == "J"}
    assert letters["INSUFFICIENT_F"] == "n"
    assert letters["KILL_SWITCH"] == "a"
    assert [m.fields["reason"] for m in live if m.letter == "C"] == ["D", "Z"]
    assert [m.fields["price"] for m in live if m.letter == "A"] == [0x7FFFFFFF]
    # the same again, read from the past
    again = read(gateway, script.numbers[1])[1:]
    assert [(m.sequence, m.data) for m in again] == [(m.sequence, m.data) for m in live]
