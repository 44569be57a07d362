"""Every kind of command and event in words: who asked, amounts as decimals, names for numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from exchange import commands as operators
from exchange.codes import (
    FLAG_LEVEL,
    FLAG_LONG,
    OPTION_AMEND,
    OPTION_REPRICE,
    CommandKind,
    EventKind,
    InstrumentState,
    Parameter,
    Reject,
    Scope,
    SelfTradePrevention,
    Side,
    StateReason,
    TradeReason,
)
from exchange.definitions.rules import InstrumentTerms
from exchange.records import COMMAND, EVENT, ORDER_CONTINUATION
from replay.command_text import command_fields
from replay.directory import Directory
from replay.event_text import event_fields
from replay.export import COMMAND_COLUMNS, EVENT_COLUMNS
from replay.text import PARAMETER_VALUES

pytestmark = pytest.mark.needs_jit

NAMES = Directory()
NAMES.define_currency(1, "USD", 4)
NAMES.define_instrument(7, "ALPHA", 2, currency=1)
NAMES.define_session(3, "CARA")
UNTIL_NS = 1_767_258_001 * 1_000_000_000


def words(slots: np.ndarray) -> dict[str, Any]:
    """``command_fields`` of one command, asked for by olga; what every command says left out."""
    operators.set_operator(slots, "olga", 1001)
    fields = command_fields(9, slots[0], slots[1] if len(slots) > 1 else None, NAMES)
    assert set(fields) <= set(COMMAND_COLUMNS)
    orjson.dumps(fields)
    for name in ("sequence", "time", "timestamp_ns"):
        fields.pop(name)
    return fields


def asked(fields: dict[str, Any], key: str = "") -> dict[str, Any]:
    """The rest of an operator's command, once who asked has been checked."""
    assert fields.pop("operator") == "olga" and fields.pop("operator_uid") == 1001
    assert fields.pop("key", "") == key
    return {name: value for name, value in fields.items() if value != ""}


def event(kind: EventKind, **fields: int) -> dict[str, Any]:
    """``event_fields`` of an event with ``fields``; what every event says left out."""
    record = np.zeros(1, EVENT)
    record["kind"] = kind
    for name, value in fields.items():
        record[name] = value
    found = event_fields(record[0], NAMES)
    assert set(found) <= set(EVENT_COLUMNS)
    orjson.dumps(found)
    for name in ("sequence", "command_sequence", "time", "timestamp_ns"):
        found.pop(name)
    return {name: value for name, value in found.items() if value != ""}


def test_accounts_and_deposits() -> None:
    assert asked(words(operators.open_account(501, "K1")), "K1") == {
        "kind": "ACCOUNT",
        "account": 501,
    }
    assert asked(words(operators.define_currency(2, "TWD", 2, 500))) == {
        "kind": "CURRENCY",
        "currency": "TWD",
        "currency_id": 2,
        "currency_decimals": 2,
        "fee_account": 500,
    }
    money = operators.move_money(CommandKind.DEPOSIT, 501, 1, 12_345_678, "PAY-7")
    assert asked(words(money), "PAY-7") == {
        "kind": "DEPOSIT",
        "account": 501,
        "currency": "USD",
        "amount": "1234.5678",
    }
    stock = operators.move_stock(CommandKind.WITHDRAW, 501, 7, 30, 1050)
    assert asked(words(stock)) == {
        "kind": "WITHDRAW",
        "account": 501,
        "instrument": "ALPHA",
        "quantity": 30,
        "price": "10.50",
    }


@pytest.mark.parametrize(
    "parameter, target, values, wanted",
    [
        (Parameter.FEES, 7, (-20, 100, 0), {"maker_ppm": -20, "taker_ppm": 100}),
        (Parameter.REFERENCE_PRICE, 7, (1050, 0, 0), {"reference_price": "10.50"}),
        (Parameter.REVIEW_VALUE, 7, (10_000_000, 0, 0), {"review_value": "1000.0000"}),
        (Parameter.BREAKER, 7, (5, 60, 30), {"move_ppm": 5, "window_s": 60, "halt_s": 30}),
        (
            Parameter.SELF_TRADE,
            501,
            (SelfTradePrevention.DECREMENT, 4, 0),
            {"mode": "DECREMENT", "account_group": 4},
        ),
        (Parameter.SESSION_RATE, 3, (50, 100, 0), {"orders_per_s": 50, "burst": 100}),
    ],
)
def test_parameters(
    parameter: Parameter, target: int, values: tuple[int, int, int], wanted: dict[str, Any]
) -> None:
    """The command and its event say the same."""
    command = asked(words(operators.set_parameter(parameter, target, values)))
    field, name = {
        1: ("instrument", "ALPHA"),
        16: ("account", 501),
        32: ("session", "CARA"),
    }[1 if parameter < 16 else 16 if parameter < 32 else 32]
    assert command == {"kind": "PARAMETER", field: name, "parameter": parameter.name, **wanted}
    found = event(
        EventKind.PARAMETER_SET,
        parameter=parameter,
        price=values[0],
        quantity=values[1],
        level_quantity=values[2],
        **{field: target},
    )
    assert found == {**command, "kind": "PARAMETER_SET"}


def test_every_parameter_has_names() -> None:
    assert set(PARAMETER_VALUES) == set(Parameter)
    unknown = operators.set_parameter(Parameter.FEES, 0, (1, 2, 3))
    from exchange.records import ADMIN_CONTINUATION

    unknown[1:].view(ADMIN_CONTINUATION)["parameter"] = 200
    assert asked(words(unknown)) == {
        "kind": "PARAMETER",
        "parameter": "200",
        "value_0": 1,
        "value_1": 2,
        "value_2": 3,
    }


def test_states_kills_and_reviews() -> None:
    halted = operators.set_state(InstrumentState.HALTED, instrument=7, until_ns=UNTIL_NS)
    assert asked(words(halted)) == {
        "kind": "INSTRUMENT_STATE",
        "instrument": "ALPHA",
        "state": "HALTED",
        "until": "2026-01-01T09:00:01.000000000Z",
    }
    group = operators.set_state(InstrumentState.AUCTION, group=2, key="OPEN-1")
    assert asked(words(group), "OPEN-1") == {
        "kind": "INSTRUMENT_STATE",
        "group": 2,
        "state": "AUCTION",
    }
    assert asked(words(operators.kill(Scope.SESSION, 3, True))) == {
        "kind": "KILL",
        "session": "CARA",
        "scope": "SESSION",
        "on": True,
    }
    assert asked(words(operators.review(4711, False))) == {
        "kind": "REVIEW",
        "order_id": 4711,
        "approve": False,
    }
    assert asked(words(operators.mass_cancel(501, 0, 7, 255))) == {
        "kind": "MASS_CANCEL",
        "instrument": "ALPHA",
        "of_account": 501,
    }


def test_the_other_commands() -> None:
    def one(kind: CommandKind, **fields: int) -> dict[str, Any]:
        slot = np.zeros(1, COMMAND)
        slot["kind"] = kind
        for name, value in fields.items():
            slot[name] = value
        return {name: value for name, value in words(slot).items() if value != ""}

    assert one(CommandKind.DISCONNECT, session=3) == {"kind": "DISCONNECT", "session": "CARA"}
    assert one(CommandKind.CANCEL_AFTER, session=3, quantity=30) == {
        "kind": "CANCEL_AFTER",
        "session": "CARA",
        "after_s": 30,
    }
    assert one(CommandKind.MASS_CANCEL, session=3, side=1) == {
        "kind": "MASS_CANCEL",
        "session": "CARA",
        "side": "SELL",
    }
    assert one(CommandKind.MODIFY_BY_ORDER_ID, session=3, price=12, quantity=5)["order_id"] == 12
    terms = InstrumentTerms("BETA", 5, 10, 2, 5, 100_000, 1000, currency=1, group=4)
    assert asked(words(operators.define_instrument(8, terms))) == {
        "kind": "INSTRUMENT",
        "instrument": "BETA",
        "instrument_id": 8,
        "price_decimals": 2,
        "tick_size": "0.05",
        "lot_size": 10,
        "minimum_price": "0.05",
        "maximum_price": "1000.00",
        "maximum_quantity": 1000,
        "currency_id": 1,
        "group": 4,
    }
    assert one(99, session=3, price=5)["kind"] == "99"  # type: ignore[arg-type]


def test_terms_of_an_order() -> None:
    slots = np.zeros(2, COMMAND)
    slots["kind"][0], slots["flags"][0] = CommandKind.ENTER, FLAG_LONG
    slots["instrument"][0], slots["session"][0], slots["order_type"][0] = 7, 3, 3
    continuation = slots[1:].view(ORDER_CONTINUATION)
    continuation["stop_price"], continuation["display_quantity"] = 1050, 40
    continuation["options"] = OPTION_REPRICE
    fields = command_fields(9, slots[0], slots[1], NAMES)
    assert set(fields) <= set(COMMAND_COLUMNS)
    assert fields["order_type"] == "STOP_LIMIT" and fields["stop_price"] == "10.50"
    assert fields["display_quantity"] == 40 and fields["reprice"] is True
    slots["kind"][0] = CommandKind.REPLACE_BY_ORDER_ID
    continuation["order_id"] = 77
    fields = command_fields(9, slots[0], slots[1], NAMES)
    assert fields["order_id"] == 77 and fields["stop_price_minor_units"] == 1050
    assert "replacement_token" in fields
    continuation["options"] = OPTION_AMEND
    fields = command_fields(9, slots[0], slots[1], NAMES)
    assert "replacement_token" not in fields
    assert set(fields) <= set(COMMAND_COLUMNS)
    terms = event(EventKind.TERMS, instrument=7, price=1060, contra_order_id=1050, remaining=40)
    assert terms["price"] == "10.60" and terms["stop_price"] == "10.50"
    assert terms["display_quantity"] == 40


def test_events_about_accounts() -> None:
    assert event(EventKind.BALANCE_CHANGED, account=501, currency=1, quantity=-5, remaining=95) == {
        "kind": "BALANCE_CHANGED",
        "account": 501,
        "currency": "USD",
        "amount": "-0.0005",
        "balance": "0.0095",
    }
    stock = event(
        EventKind.BALANCE_CHANGED, account=501, instrument=7, quantity=5, price=1050, remaining=12
    )
    assert stock == {
        "kind": "BALANCE_CHANGED",
        "account": 501,
        "instrument": "ALPHA",
        "price": "10.50",
        "quantity": 5,
        "position": 12,
    }
    assert event(EventKind.ACCOUNT_DEFINED, account=501)["account"] == 501
    defined = event(EventKind.CURRENCY_DEFINED, currency=1, display=4, account=500)
    assert defined["currency_decimals"] == 4 and defined["fee_account"] == 500
    warning = event(
        EventKind.WARNING, account=501, reason=1, quantity=90, price=100, level_quantity=60
    )
    assert warning == {
        "kind": "WARNING",
        "account": 501,
        "reason": "CANCEL_RATIO",
        "cancels": 90,
        "orders": 100,
        "window_s": 60,
    }


def test_events_about_states() -> None:
    changed = event(
        EventKind.STATE_CHANGED,
        instrument=7,
        display=InstrumentState.HALTED,
        reason=StateReason.BREAKER,
        quantity=UNTIL_NS,
    )
    assert changed["state"] == "HALTED" and changed["reason"] == "BREAKER"
    assert changed["until"] == "2026-01-01T09:00:01.000000000Z"
    assert event(EventKind.STATE_CHANGED) == {
        "kind": "STATE_CHANGED",
        "state": "OPEN",
        "reason": "COMMAND",
    }
    assert event(EventKind.KILL_SWITCHED, scope=Scope.EXCHANGE, quantity=1) == {
        "kind": "KILL_SWITCHED",
        "scope": "EXCHANGE",
        "on": True,
    }
    auction = event(EventKind.AUCTION, instrument=7, price=1050, quantity=300, remaining=-20)
    assert auction["price"] == "10.50" and auction["imbalance"] == -20
    level = event(
        EventKind.LEVEL,
        instrument=7,
        side=Side.BUY,
        price=1050,
        flags=FLAG_LEVEL,
        level_quantity=70,
        level_orders=2,
    )
    assert level["level_quantity"] == 70 and level["side"] == "BUY"
    done = event(
        EventKind.CONTROL_DONE, token_0=0x2020202020314B, order_type=CommandKind.KILL, quantity=8
    )
    assert done == {
        "kind": "CONTROL_DONE",
        "key": "K1",
        "command": "KILL",
        "canceled_orders": 8,
    }
    refused = event(
        EventKind.CONTROL_REJECTED,
        reason=Reject.DUPLICATE_KEY,
        order_type=CommandKind.DEPOSIT,
        account=501,
        currency=1,
    )
    assert refused == {
        "kind": "CONTROL_REJECTED",
        "reason": "DUPLICATE_KEY",
        "command": "DEPOSIT",
        "account": 501,
        "currency": "USD",
    }


def test_events_about_orders() -> None:
    prevented = event(
        EventKind.SELF_TRADE_PREVENTED,
        instrument=7,
        session=3,
        price=1050,
        quantity=10,
        prevented=10,
        contra_order_id=44,
        liquidity=ord("R"),
    )
    assert prevented["other_order_id"] == 44 and prevented["prevented"] == 10
    assert prevented["liquidity"] == "R"
    trade = event(EventKind.TRADE, instrument=7, reason=TradeReason.OPENING_AUCTION)
    assert trade["reason"] == "OPENING_AUCTION"
    refused = event(EventKind.CANCEL_REJECTED, instrument=7, reason=Reject.INSTRUMENT_HALTED)
    assert refused["reason"] == "INSTRUMENT_HALTED"
    for kind in (EventKind.HELD, EventKind.RELEASED, EventKind.TRIGGERED, EventKind.REFRESHED):
        found = event(kind, instrument=7, order_id=12, quantity=5, remaining=9)
        assert (found["order_id"], found["quantity"], found["remaining"]) == (12, 5, 9)


@pytest.mark.parametrize("kind", list(EventKind), ids=lambda kind: kind.name)
def test_no_event_is_without_words(kind: EventKind) -> None:
    """Also one whose every byte is set: no number may stop the tool."""
    record = np.frombuffer(b"\xff" * 128, EVENT).copy()
    record["kind"] = kind
    fields = event_fields(record[0], NAMES)
    assert fields["kind"] == kind.name and set(fields) <= set(EVENT_COLUMNS)


@pytest.mark.parametrize("kind", list(CommandKind), ids=lambda kind: kind.name)
@pytest.mark.parametrize("octet", [0, 0x7F, 0xFF])
def test_no_command_is_without_words(kind: CommandKind, octet: int) -> None:
    record = np.frombuffer(bytes([octet]) * 128, COMMAND).copy()
    record["kind"][0] = kind
    for second in (None, record[1]):
        fields = command_fields(1, record[0], second, NAMES)
        assert fields["kind"] == kind.name and set(fields) <= set(COMMAND_COLUMNS)
        Directory().learn_command(record[0], second)
