"""The command line answers in sentences with the reason's name, and knows who acts."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from exchange.admin import order
from exchange.cli import main
from exchange.client.order_entry import Sequenced
from exchange.codes import EventKind
from exchange.control.socket import Request
from exchange.errors import ExitStatus
from exchange.gateway.protocol import ouch
from exchange.records import ADMIN_CONTINUATION, COMMAND, COMMAND_LAYOUT, word_text
from exchange.runtime.data_directory import journal_directory
from journal.reader import JournalReader
from replay.show import show_book
from tests.harness.operator_exchange import OperatorExchange, small_settings

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OperatorExchange]:
    settings = small_settings({"exchange": {"operators": ["alice", "bob.b"]}})
    made = OperatorExchange(tmp_path, settings)
    for module in ("names", "send", "configuration", "key"):
        monkeypatch.setattr(f"exchange.admin.{module}.ask", made.ask)
    yield made
    made.stop()


def data(exchange: OperatorExchange) -> tuple[str, str]:
    return ("--data-dir", str(exchange.data_directory))


def test_a_cancel_says_what_became_of_it(exchange: OperatorExchange, capsys: Capture) -> None:
    assert main(["cancel", "99999999", *data(exchange)]) == ExitStatus.REFUSED
    said = capsys.readouterr().err
    assert "UNKNOWN_ORDER: there is no live order 99999999" in said
    exchange.order(1, "b1", side=0, quantity=7, price=1_500_000)
    number = int(exchange.events(EventKind.ACCEPTED)["order_id"][0])
    assert main(["cancel", str(number), *data(exchange)]) == ExitStatus.OK
    assert capsys.readouterr().out == f"order {number} is cancelled: 7 units were open\n"
    assert main(["cancel", str(number), *data(exchange)]) == ExitStatus.REFUSED


def message(letter: str, reason: str) -> Sequenced:
    """A message that refuses or cancels an order."""
    fields = {"token": "T", "reason": reason}
    name = {"J": "Rejected", "C": "Canceled"}[letter]
    return SimpleNamespace(sequence=1, letter=letter, name=name, fields=fields)  # type: ignore[return-value]


@pytest.mark.parametrize("letter", sorted(set(ouch.REJECT_LETTERS.values())))
def test_a_reject_has_every_name_of_its_letter(letter: str, capsys: Capture) -> None:
    names = [reject.name for reject, each in ouch.REJECT_LETTERS.items() if each == letter]
    text = order.sentence(message("J", letter))
    for name in names:
        assert name in text and name.lower().replace("_", " ") in text
    order._print(message("J", letter), False)
    assert f"means={'|'.join(names)}" in capsys.readouterr().out
    order._print(message("J", letter), True)
    assert json.loads(capsys.readouterr().out)["reason_names"] == names


@pytest.mark.parametrize(
    "words",
    [
        ("--user", "ANUNKNOWNLONGNAME", "--password", "x"),
        ("--user", "ÄB", "--password", "x"),
        ("--user", "DEMO1", "--password", "longer than ten"),
    ],
)
def test_a_login_that_has_no_room_is_a_sentence(words: tuple[str, ...], capsys: Capture) -> None:
    status = main(["order", "--port", "1", *words, "buy", "1", "AAPL"])
    assert status == ExitStatus.CONFIGURATION
    assert "printable ASCII characters" in capsys.readouterr().err


def test_a_day_is_answered(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    asked: list[dict[str, Any]] = []

    def ask(data_directory: Path, request: Request) -> dict[str, Any]:
        asked.append({"command": request.command, "operator": request.operator})
        return {"ok": True, "day": 20_261_130}

    monkeypatch.setattr("exchange.control.socket.ask", ask)
    assert main(["day", "end", "--as", "alice"]) == ExitStatus.OK
    assert capsys.readouterr().out.startswith("trading day 20261130 has ended")
    assert main(["day", "start"]) == ExitStatus.OK
    assert capsys.readouterr().out == "trading day 20261130 has begun\n"
    assert asked == [
        {"command": "end_day", "operator": "alice"},
        {"command": "start_day", "operator": None},
    ]


def test_a_piped_table_cuts_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    price, ids = "1234567890123.45678901", list(range(10**17, 10**17 + 40))
    orders = [{"order_id": i, "quantity": 10**12, "session": "S1"} for i in ids]
    levels = [{"price": price, "quantity": 4 * 10**13, "orders": orders}]
    piped = io.StringIO()
    monkeypatch.setattr("sys.stdout", piped)
    fields = {"instrument": "AAPL", "bid_levels": 1, "ask_levels": 0, "asks": [], "bids": levels}
    show_book(fields)
    text = piped.getvalue()
    assert price in text and all(str(each) in text for each in ids)


def operators(exchange: OperatorExchange) -> list[str]:
    """The names in the journal's long operators' commands, in order."""
    reader = JournalReader(journal_directory(exchange.data_directory), COMMAND, COMMAND_LAYOUT, 0)
    slots = np.zeros(4096, COMMAND)
    while reader.read_into(slots, 4096):
        pass
    found = []
    for at in np.flatnonzero(slots["flags"] & 1).tolist():
        rest = slots[at + 1 : at + 2].view(ADMIN_CONTINUATION)[0]
        found.append(word_text(int(rest["operator_0"]), int(rest["operator_1"]), sizes=(8, 8)))
    return found


def test_people_act_under_their_own_names(exchange: OperatorExchange, capsys: Capture) -> None:
    assert exchange.admin("account", "open", "55", "--as", "alice") == ExitStatus.OK
    assert exchange.admin("account", "open", "56", "--as", "bob.b") == ExitStatus.OK
    assert exchange.admin("account", "open", "57") == ExitStatus.OK
    assert [name for name in operators(exchange) if name not in ("configuration", "exchange")] == [
        "alice",
        "bob.b",
        "tester",
    ]
    capsys.readouterr()
    for name in ("mallory", "", "configuration", "alice "):
        assert exchange.admin("account", "open", "58", "--as", name) == ExitStatus.REFUSED
        assert "is not one of [exchange] operators (alice, bob.b)" in capsys.readouterr().err
    long = "x" * 121
    assert exchange.admin("account", "open", "58", "--reason", long) == ExitStatus.REFUSED
    assert "a reason has at most 120" in capsys.readouterr().err
