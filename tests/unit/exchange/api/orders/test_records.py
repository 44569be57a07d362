"""The bytes of clients' commands are those of exchange/records.py; tokens of client order ids."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from exchange.api.errors import ApiError
from exchange.api.orders import outcomes as order_outcomes
from exchange.api.orders.records import (
    cancel_after_command,
    cancel_command,
    enter_command,
    mass_cancel_command,
    replace_command,
)
from exchange.api.orders.terms import NewOrder, client_order_id_of, random_token, token_of
from exchange.codes import FLAG_LONG, OPTION_AMEND, OPTION_REPRICE, CommandKind, OrderType, Side
from exchange.records import COMMAND, EVENT, ORDER_CONTINUATION

TOKEN = b"abcdefgh123456"


def fields(record: Any) -> dict[str, int]:
    """Fields that are not zero."""
    return {name: int(record[name]) for name in record.dtype.names if record[name]}


def token_fields(token: bytes) -> dict[str, int]:
    return {
        "token_0": int.from_bytes(token[:8], "little"),
        "token_1": int.from_bytes(token[8:12], "little"),
        "token_2": int.from_bytes(token[12:], "little"),
    }


LETTERS = {
    "display": ord("Y"),
    "capacity": ord("A"),
    "intermarket_sweep": ord("N"),
    "cross_type": ord("N"),
    "customer_type": ord(" "),
}


def test_enter_of_one_slot():
    order = NewOrder(
        symbol="X",
        side="sell_short",
        quantity=1 << 40,
        price=1 << 47,
        time_in_force="ioc",
        minimum_quantity=(1 << 32) - 1,
    )
    (record,) = np.frombuffer(enter_command(7, 65_535, 9, TOKEN, order), COMMAND)
    assert fields(record) == LETTERS | token_fields(TOKEN) | {
        "timestamp_ns": 7,
        "price": 1 << 47,
        "quantity": 1 << 40,
        "instrument": 9,
        "session": 65_535,
        "kind": CommandKind.ENTER,
        "side": Side.SELL_SHORT,
        "minimum_quantity": (1 << 32) - 1,
    }


def test_enter_of_two_slots():
    order = NewOrder(
        symbol="X",
        side="buy",
        type="stop_limit",
        quantity=500,
        price=30,
        stop_price=31,
        display_quantity=100,
        time_in_force="gtt",
        expire_seconds=99_997,
        post_only=True,
        reprice=True,
    )
    raw = enter_command(7, 3, 9, TOKEN, order)
    first, _ = np.frombuffer(raw, COMMAND)
    _, rest = np.frombuffer(raw, ORDER_CONTINUATION)
    assert fields(first) == LETTERS | token_fields(TOKEN) | {
        "timestamp_ns": 7,
        "price": 30,
        "quantity": 500,
        "instrument": 9,
        "session": 3,
        "kind": CommandKind.ENTER,
        "time_in_force": 99_997,
        "flags": FLAG_LONG,
        "display": ord("P"),
        "order_type": OrderType.STOP_LIMIT,
    }
    assert fields(rest) == {
        "stop_price": 31,
        "display_quantity": 100,
        "options": OPTION_REPRICE,
    }


def test_replace():
    raw = replace_command(
        7,
        3,
        1 << 50,
        price=30,
        quantity=40,
        time_in_force=99_998,
        minimum_quantity=9,
        display=ord("P"),
        order_type=OrderType.STOP,
        stop_price=31,
        display_quantity=10,
    )
    first, _ = np.frombuffer(raw, COMMAND)
    _, rest = np.frombuffer(raw, ORDER_CONTINUATION)
    assert fields(first) == LETTERS | {
        "timestamp_ns": 7,
        "price": 30,
        "quantity": 40,
        "session": 3,
        "kind": CommandKind.REPLACE_BY_ORDER_ID,
        "time_in_force": 99_998,
        "minimum_quantity": 9,
        "flags": FLAG_LONG,
        "display": ord("P"),
        "order_type": OrderType.STOP,
    }
    assert fields(rest) == {
        "options": OPTION_AMEND,
        "stop_price": 31,
        "display_quantity": 10,
        "order_id": 1 << 50,
    }


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            cancel_command(7, 3, 11, 5),
            {"kind": CommandKind.CANCEL_BY_ORDER_ID, "price": 11, "quantity": 5},
        ),
        (
            mass_cancel_command(7, 3, 2, 255),
            {"kind": CommandKind.MASS_CANCEL, "instrument": 2, "side": 255},
        ),
        (
            cancel_after_command(7, 3, 60),
            {"kind": CommandKind.CANCEL_AFTER, "quantity": 60},
        ),
    ],
)
def test_short_commands(raw: bytes, expected: dict[str, int]):
    (record,) = np.frombuffer(raw, COMMAND)
    assert fields(record) == LETTERS | {"timestamp_ns": 7, "session": 3} | expected


def test_short_ids_are_the_token_and_others_are_hashed():
    assert token_of("a") == b"a             "
    assert token_of("12345678901234") == b"12345678901234"
    ids = ["123456789012345", "~a", ".a", "~AAAAAAAAAAAAA", "x" * 64]
    tokens = [token_of(each) for each in ids]
    assert len(set(tokens)) == len(ids)
    assert all(len(token) == 14 and token[:1] == b"~" for token in tokens)
    # for ever the same: orders of a day must be found again after an upgrade
    assert token_of("123456789012345") == b"~4J5HNBVYAKGP5"
    assert client_order_id_of(token_of("a-b")) == "a-b"
    made = random_token()
    assert len(made) == 14 and client_order_id_of(made) is None and made != random_token()


@pytest.mark.parametrize("bad", ["", "a b", "ä", "a\n", "x" * 65, "\x00", "\ud800"])
def test_ids_that_cannot_be(bad: str):
    with pytest.raises(ApiError) as caught:
        token_of(bad)
    assert caught.value.data == {"field": "client_order_id"}


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"price": None}, "price"),
        ({"type": "market"}, "price"),
        ({"type": "stop", "price": None}, "stop_price"),
        ({"type": "stop", "stop_price": 5}, "price"),
        ({"type": "stop_limit"}, "stop_price"),
        ({"stop_price": 5}, "stop_price"),
        ({"time_in_force": "gtt"}, "expire_seconds"),
        ({"expire_seconds": 5}, "expire_seconds"),
        ({"minimum_quantity": 5}, "minimum_quantity"),
        ({"minimum_quantity": 5, "time_in_force": "fok"}, "minimum_quantity"),
        ({"time_in_force": "fok", "quantity": 1 << 32}, "quantity"),
        ({"reprice": True}, "reprice"),
    ],
)
def test_fields_that_do_not_fit_together(terms: dict[str, Any], field: str):
    order = NewOrder(**({"symbol": "X", "side": "buy", "quantity": 10, "price": 5} | terms))
    with pytest.raises(ApiError) as caught:
        order.check()
    assert caught.value.data == {"field": field}
    assert caught.value.message.startswith(field)


def test_the_gateway_reads_events_as_they_are_laid_out():
    event = np.zeros(1, EVENT)
    values = {
        "command_sequence": 1 << 40,
        "order_id": 1 << 41,
        "session": 65_000,
        "kind": 4,
        "reason": 7,
        "contra_order_id": 1 << 43,
        "remaining": 1 << 42,
    }
    for name, value in (values | token_fields(TOKEN)).items():
        event[name] = value
    assert event.tobytes()[order_outcomes._KIND_AT] == 4
    assert order_outcomes._FIELDS.unpack(event.tobytes()) == (
        1 << 40,
        1 << 41,
        TOKEN,
        65_000,
        4,
        7,
        1 << 43,
        1 << 42,
    )
