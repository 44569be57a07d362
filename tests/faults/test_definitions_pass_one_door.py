"""A definition that could never be taken back is refused by every door, before the journal.

The doors: ``exchange admin``, a command given to the control socket as it is, and the files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exchange.codes import EventKind
from exchange.commands import (
    Record,
    define_currency,
    define_instrument,
    define_session,
    open_account,
)
from exchange.control.socket import Request
from exchange.core import pipeline
from exchange.definitions.rules import InstrumentTerms
from exchange.errors import ConfigurationError, ExitStatus
from exchange.records import ADMIN_CONTINUATION
from exchange.settings import DEFAULT_FILE, load
from tests.harness.operator_exchange import OperatorExchange

TERMS = InstrumentTerms("NEW", 1, 1, 2, 1, 100_000, 1000, 1, 1)
SIZES = ("--currency", "USD", "--price-decimals", "2", "--tick", "0.05", "--minimum-price", "0.05",
         "--maximum-price", "1000", "--maximum-quantity", "1000")  # fmt: skip
BAD_SYMBOLS = (
    "AAPL",
    "AAPL ",
    " AAPL",
    "A B",
    "A\tB",
    "\x1b[2J",
    "",
    "ABCDEFGHI",
    "Ä",
    "#7",
    "USD",
)
BAD_USERNAMES = ("DEMO1", "DEMO1 ", "A B", "A\tB", "\x1b[2J", "", "ABCDEFG", "Ä", "@000RT", "A.B")


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorExchange]:
    made = OperatorExchange(tmp_path_factory.mktemp("door"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exchange.admin.names.ask", made.ask)
        patch.setattr("exchange.admin.send.ask", made.ask)
        yield made
    made.stop()


def journaled(exchange: OperatorExchange) -> int:
    """How many commands the journal has."""
    return int(exchange.cursors[pipeline.COMMAND_PUBLISHED])


def submit(exchange: OperatorExchange, record: Record) -> dict[str, Any]:
    request = Request(command="submit", record=record.tobytes().hex())
    return exchange.ask(exchange.data_directory, request)


def raw_word(name: bytes) -> int:
    """A name as no maker of commands writes it."""
    return int.from_bytes(name[:8].ljust(8, b"\0"), "little")


@pytest.mark.parametrize("symbol", BAD_SYMBOLS, ids=repr)
def test_instrument_add_refuses_a_symbol(
    exchange: OperatorExchange, symbol: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = journaled(exchange)
    status = exchange.admin("instrument", "add", "9", symbol, *SIZES)
    assert status in (ExitStatus.REFUSED, ExitStatus.CONFIGURATION)
    assert "symbol" in capsys.readouterr().err
    assert journaled(exchange) == before


@pytest.mark.parametrize("username", BAD_USERNAMES, ids=repr)
def test_session_add_refuses_a_user_name(
    exchange: OperatorExchange, username: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = journaled(exchange)
    status = exchange.admin("session", "add", "9", username, "1002")
    assert status in (ExitStatus.REFUSED, ExitStatus.CONFIGURATION)
    assert "username" in capsys.readouterr().err
    assert journaled(exchange) == before


def _with_symbol(name: bytes) -> Record:
    record = define_instrument(9, TERMS)
    record["token_0"][0] = raw_word(name)
    return record


def _with_username(name: bytes) -> Record:
    record = define_session(9, "NEW1", 1002)
    record["token_0"][0] = raw_word(name)
    return record


def _currency(number: int, name: bytes, decimals: int = 2, fee_account: int = 1001) -> Record:
    record = define_currency(number, "NEW", decimals, fee_account, key=f"C{number}")
    record[1:].view(ADMIN_CONTINUATION)["value_0"][0] = np.array([raw_word(name)], np.uint64).view(
        np.int64
    )[0]
    return record


REFUSED_AS_THEY_ARE = {
    "a symbol that is there": _with_symbol(b"AAPL    "),
    "a symbol with other padding": _with_symbol(b"NEW\0\0\0\0\0"),
    "a symbol that looks like another": _with_symbol(b"AAPL\0\0\0\0"),
    "a symbol with a space before it": _with_symbol(b" AAPL   "),
    "a symbol of nothing": _with_symbol(b"        "),
    "a symbol with an escape sequence": _with_symbol(b"\x1b[2J    "),
    "a symbol of bytes beyond ASCII": _with_symbol(b"\xff\xfe      "),
    "the code of a currency as a symbol": _with_symbol(b"USD     "),
    "an instrument's number that is there": define_instrument(1, TERMS),
    "an instrument's number of 0": define_instrument(0, TERMS),
    "an instrument's number beyond the capacity": define_instrument(32, TERMS),
    "a group that no file has": define_instrument(9, TERMS._replace(group=77)),
    "a currency that is not defined": define_instrument(9, TERMS._replace(currency=6)),
    "a tick of 0": define_instrument(9, TERMS._replace(tick=0)),
    "a lot above the maximum quantity": define_instrument(9, TERMS._replace(lot=2000)),
    "a minimum price above the maximum": define_instrument(
        9, TERMS._replace(minimum_price=200_000)
    ),
    "a price that is no multiple of the tick": define_instrument(9, TERMS._replace(tick=3)),
    "more decimals than the currency has": define_instrument(
        9, TERMS._replace(price_decimals=5)
    ),
    "a user name that is there": _with_username(b"DEMO1   "),
    "a user name with other padding": _with_username(b"DEMO1\0\0\0"),
    "a user name of an API session": _with_username(b"@000RT  "),
    "a user name of eight letters": _with_username(b"ABCDEFGH"),
    "a session's number that is there": define_session(1, "NEW1", 1002),
    "a session of an account that is not open": define_session(9, "NEW1", 1777),
    "a session of account 0": define_session(9, "NEW1", 0),
    "a currency's code that is there": _currency(3, b"USD     "),
    "a currency's code in small letters": _currency(3, b"usd     "),
    "a currency's code with an escape": _currency(3, b"\x1b[2J    "),
    "a symbol as the code of a currency": _currency(3, b"AAPL    "),
    "a currency of nine decimals": _currency(3, b"EUR     ", decimals=9),
    "a currency whose fee account is not open": _currency(3, b"EUR     ", fee_account=1777),
    "a currency's number beyond the last": _currency(8, b"EUR     "),
    "an account's number of 0": open_account(0, "K0"),
    "an account's number beyond the capacity": open_account(1 << 20, "K1"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED_AS_THEY_ARE)
def test_the_control_socket_refuses_it_before_the_journal(
    exchange: OperatorExchange, name: str
) -> None:
    before = journaled(exchange)
    answer = submit(exchange, REFUSED_AS_THEY_ARE[name])
    assert not answer["ok"] and answer["error"], answer
    assert journaled(exchange) == before, "nothing of it may be journaled"


def test_what_is_on_its_way_counts(exchange: OperatorExchange) -> None:
    """Two definitions of one name, the second before the first one is released."""
    answers: list[dict[str, Any]] = []
    for number in (20, 21):
        record = define_session(number, "TWICE", 1002)
        encoded = record.tobytes().hex()
        refused = exchange.operators.submit(encoded, "tester", 1, answers.append)
        answers += [refused] if refused else []
    assert [answer["ok"] for answer in answers] == [False]
    exchange.settle()
    assert [answer["ok"] for answer in answers] == [False, True]


def test_a_refused_definition_leaves_its_name_free(exchange: OperatorExchange) -> None:
    """The matcher refuses what the door lets pass: the name is not taken for ever."""
    record = define_session(22, "FREE1", 1002)
    assert exchange.door.pass_through([record]) is None
    event = np.zeros(1, exchange.events(EventKind.SESSION_DEFINED).dtype)[0]
    event["kind"], event["session"] = EventKind.CONTROL_REJECTED, 22
    exchange.door.learn(event)
    assert submit(exchange, define_session(23, "FREE1", 1002))["ok"]


def test_a_name_that_is_right_passes(exchange: OperatorExchange) -> None:
    for number, symbol in enumerate(("BRK/B", "aapl", "2330.TX", "X#1"), start=10):
        assert submit(exchange, define_instrument(number, TERMS._replace(symbol=symbol)))["ok"]
    assert submit(exchange, _currency(3, b"EUR     "))["ok"]
    assert submit(exchange, _currency(3, b"EUR     "))["already"], "repeated under its key"


FILES = {
    "one symbol twice": ("instruments.toml", 'symbol = "MSFT"', 'symbol = "AAPL"', "symbol"),
    "a space in a symbol": ("instruments.toml", 'symbol = "MSFT"', 'symbol = "A B"', "symbol"),
    "a space after a symbol": ("instruments.toml", 'symbol = "MSFT"', 'symbol = "AAPL "', "symbol"),
    "an escape in a symbol": (
        "instruments.toml", 'symbol = "MSFT"', 'symbol = "\\u001b[2J"', "symbol"),
    "a number as a symbol": ("instruments.toml", 'symbol = "MSFT"', 'symbol = "#7"', "symbol"),
    "a currency as a symbol": ("instruments.toml", 'symbol = "MSFT"', 'symbol = "USD"', "symbol"),
    "one user name twice": (
        "sessions.toml", 'username = "DEMO2"', 'username = "DEMO1"', "username"),
    "a space after a user name": (
        "sessions.toml", 'username = "DEMO2"', 'username = "DEMO1 "', "username"),
    "an API session's user name": (
        "sessions.toml", 'username = "DEMO2"', 'username = "@000RT"', "username"),
    "one code twice": ("accounts.toml", 'code = "TWD"', 'code = "USD"', "code"),
    "a code in small letters": ("accounts.toml", 'code = "TWD"', 'code = "usd"', "code"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_the_files_are_refused(tmp_path: Path, name: str) -> None:
    file, old, new, key = FILES[name]
    for each in ("exchange.toml", "accounts.toml", "instruments.toml", "sessions.toml"):
        text = (DEFAULT_FILE.parent / each).read_text()
        assert each != file or old in text
        (tmp_path / each).write_text(text.replace(old, new) if each == file else text)
    with pytest.raises(ConfigurationError, match=rf"{file}:\d+: .*{key}"):
        load(tmp_path / "exchange.toml")
