"""The records of operators' commands: long and short ones, keys, who asked."""

from __future__ import annotations

import numpy as np
import pytest

from exchange import commands
from exchange.codes import FLAG_LONG, CommandKind, InstrumentState, Parameter, Scope
from exchange.commands import KEY_BYTES, KEYED_KINDS, OPERATOR_KINDS, Record, key_of, set_key
from exchange.records import (
    ADMIN_CONTINUATION,
    COMMAND,
    INSTRUMENT_CONTINUATION,
    text_word,
    word_text,
)

TERMS = commands.InstrumentTerms("ABC", 5, 10, 2, 5, 1_000, 500, 1, 3)
LONG = [
    commands.define_instrument(7, TERMS),
    commands.define_currency(1, "USD", 2, 9),
    commands.open_account(2),
    commands.move_money(CommandKind.DEPOSIT, 2, 1, 100),
    commands.move_stock(CommandKind.WITHDRAW, 2, 7, 5, 100),
    commands.set_parameter(Parameter.FEES, 7, (1, 2, 3)),
    commands.set_state(InstrumentState.HALTED, instrument=7),
    commands.kill(Scope.ACCOUNT, 2, True),
    commands.review(99, True),
    commands.mass_cancel(2, 0, 7, 255),
    commands.cancel_by_order_id(99),
]
SHORT = [
    commands.define_session(3, "U1", 2),
    commands.start_of_day(20261120, 123),
    commands.end_of_day(),
    commands.timer(),
]


@pytest.mark.parametrize("record", LONG, ids=lambda r: CommandKind(int(r["kind"][0])).name)
def test_a_long_command_has_two_slots_and_says_who_asked(record: Record) -> None:
    record = record.copy()
    assert record.shape == (2,) and record.dtype == COMMAND
    assert record["flags"][0] == FLAG_LONG
    before = record.tobytes()
    commands.set_operator(record, "a name that is far too long", 1000)
    rest = record[1:].view(ADMIN_CONTINUATION)
    name = int(rest["operator_0"][0]).to_bytes(8, "little")
    name += int(rest["operator_1"][0]).to_bytes(8, "little")
    assert (name, int(rest["operator_uid"][0])) == (b"a name that is f", 1000)
    assert record.tobytes() != before and record[:1].tobytes() == before[: COMMAND.itemsize]


@pytest.mark.parametrize("record", SHORT, ids=lambda r: CommandKind(int(r["kind"][0])).name)
def test_a_short_command_has_no_room_for_who_asked(record: Record) -> None:
    before = record.tobytes()
    commands.set_operator(record, "somebody", 1000)
    assert record.shape == (1,) and record["flags"][0] == 0 and record.tobytes() == before


def test_an_instrument_is_written_whole() -> None:
    record = commands.define_instrument(7, TERMS)
    first, rest = record[0], record[1:].view(INSTRUMENT_CONTINUATION)[0]
    assert word_text(first["token_0"]) == "ABC"
    read = commands.InstrumentTerms(
        "ABC",
        int(first["price"]),
        int(first["quantity"]),
        int(first["display"]),
        *(
            int(rest[name])
            for name in (
                "minimum_price",
                "maximum_price",
                "maximum_quantity",
                "currency",
                "group",
            )
        ),
    )
    assert read == TERMS


@pytest.mark.parametrize(
    ("parameter", "where"),
    [
        (Parameter.FEES, "instrument"),
        (Parameter.DAILY_ORDERS, "account"),
        (Parameter.SESSION_RATE, "session"),
    ],
)
def test_a_parameters_target_is_where_the_engine_looks(parameter: Parameter, where: str) -> None:
    record = commands.set_parameter(parameter, 42, (1, 2, 3))
    rest = record[1:].view(ADMIN_CONTINUATION)[0]
    found = {
        "instrument": int(record["instrument"][0]),
        "session": int(record["session"][0]),
        "account": int(rest["account"]),
    }
    assert found == {"instrument": 0, "session": 0, "account": 0} | {where: 42}
    assert [int(rest[f"value_{i}"]) for i in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("key", ["", "k", "wire-77", "x" * KEY_BYTES])
def test_keys(key: str) -> None:
    record = np.zeros(2, COMMAND)
    set_key(record, key)
    assert key_of(record[0]) == key


def test_a_key_that_does_not_fit_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        set_key(np.zeros(2, COMMAND), "x" * (KEY_BYTES + 1))


@pytest.mark.parametrize("text", ["", "A", "AAPL", "2330.TW", "EIGHTCHR"])
def test_a_text_in_a_word(text: str) -> None:
    assert word_text(text_word(text)) == text


def test_every_keyed_command_may_come_from_an_operator() -> None:
    assert KEYED_KINDS < OPERATOR_KINDS
    for kind in (CommandKind.ENTER, CommandKind.CANCEL, CommandKind.TIMER):
        assert kind not in OPERATOR_KINDS
