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
from exchange.records import COMMAND, COMMAND_LAYOUT
from exchange.runtime.data_directory import journal_directory
from exchange.store.rows.event_details import details
from journal.reader import JournalReader
from replay.command_text import command_fields
from replay.directory import Directory
from replay.show import show_book
from tests.harness.operator_exchange import UID, OperatorExchange, small_settings

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


def journaled(exchange: OperatorExchange) -> list[dict[str, Any]]:
    """The operators' commands in the journal, in words, in order."""
    reader = JournalReader(journal_directory(exchange.data_directory), COMMAND, COMMAND_LAYOUT, 0)
    slots = np.zeros(4096, COMMAND)
    while reader.read_into(slots, 4096):
        pass
    names = Directory()
    found = []
    for at in np.flatnonzero(slots["flags"] & 1).tolist():
        words = command_fields(at, slots[at], slots[at + 1], names)
        if words.get("operator") not in (None, "configuration", "exchange"):
            found.append(words)
    return found


def noted(exchange: OperatorExchange) -> list[dict[str, Any]]:
    """Details of the NOTED events, as table order_events has them."""
    return [details(event, {}) for event in exchange.events(EventKind.NOTED)]


def test_people_act_under_their_own_names(exchange: OperatorExchange, capsys: Capture) -> None:
    for number, person in ((55, ("--as", "alice")), (56, ("--as", "bob.b")), (57, ())):
        assert exchange.admin("account", "open", str(number), *person) == ExitStatus.OK
    who = [(words["kind"], words["operator"]) for words in journaled(exchange)]
    assert who == [
        (kind, name) for name in ("alice", "bob.b", "tester") for kind in ("NOTE", "ACCOUNT")
    ]
    capsys.readouterr()
    for name in ("mallory", "", "configuration", "alice "):
        assert exchange.admin("account", "open", "58", "--as", name) == ExitStatus.REFUSED
        assert "is not one of [exchange] operators (alice, bob.b)" in capsys.readouterr().err
    long = "x" * 121
    assert exchange.admin("account", "open", "58", "--reason", long) == ExitStatus.REFUSED
    assert "a reason has at most 120" in capsys.readouterr().err


def test_a_reason_is_journaled_and_in_order_events(exchange: OperatorExchange) -> None:
    reason = "ticket 4711: the member has asked for it by telephone, called back at 10:31 by Bob"
    for words, about in (
        (
            ("deposit", "1001", "5", "USD", "--key", "wire-77"),
            {"command": "deposit", "key": "wire-77"},
        ),
        (("session", "add", "9", "NINE", "1001"), {"command": "session"}),
        (
            ("halt", "--instrument", "AAPL", "--key", "h"),
            {"command": "instrument_state", "key": "h"},
        ),
    ):
        before = len(noted(exchange))
        assert exchange.admin(*words, "--as", "alice", "--reason", reason) == ExitStatus.OK
        parts = noted(exchange)[before:]
        text = "".join(part["reason"] for part in parts)
        assert text == ("session 9: " if "session" in words else "") + reason
        for number, part in enumerate(parts):
            who = {"operator": "alice", "uid": UID, "part": number}
            assert {key: part[key] for key in part if key != "reason"} == who | about
    assert (
        "".join(
            w["token"] for w in journaled(exchange) if w.get("key") == "wire-77" and "token" in w
        )
        == reason
    )
    assert exchange.admin("account", "open", "55") == ExitStatus.OK
    last = noted(exchange)[-1]
    assert (last["operator"], last["command"], "reason" in last) == ("tester", "account", False)


def test_keys_are_journaled(exchange: OperatorExchange, capsys: Capture) -> None:
    made = ("key", "make", "1001", "--as", "alice", "--reason", "new bot", "--json")
    assert exchange.admin(*made) == ExitStatus.OK
    key = json.loads(capsys.readouterr().out)["id"]
    exchange.settle()
    text = "".join(part["reason"] for part in noted(exchange))
    assert text == f"API key {key} of account 1001 made, may read and trade: new bot"
    before = len(noted(exchange))
    assert exchange.admin("key", "revoke", key, "--as", "bob.b") == ExitStatus.OK
    exchange.settle()
    parts = noted(exchange)[before:]
    assert "".join(part["reason"] for part in parts) == f"API key {key} of account 1001 revoked"
    assert {part["operator"] for part in parts} == {"bob.b"}


def test_cancels_and_plans_are_journaled(exchange: OperatorExchange) -> None:
    exchange.order(1, "b1", side=0, quantity=7, price=1_500_000)
    number = int(exchange.events(EventKind.ACCEPTED)["order_id"][0])
    words = ("--as", "alice", "--reason", "fat finger")
    assert main(["cancel", str(number), *words, *data(exchange)]) == ExitStatus.OK
    assert noted(exchange)[-1] == {
        "operator": "alice",
        "uid": UID,
        "command": "cancel_by_order_id",
        "reason": f"order {number}: fat finger",
        "part": 0,
    }
    accounts = exchange.config_file.parent / "accounts.toml"
    accounts.write_text(accounts.read_text() + "\n[[account]]\nid = 77\n")
    assert exchange.admin("config", "apply", "--yes", *words) == ExitStatus.OK
    assert noted(exchange)[-1]["reason"] == "plan of 1 commands: fat finger"


@pytest.mark.parametrize(
    ("asked", "there"), [(("5000000", "USD"), "1000000 USD"), (("70000", "AAPL"), "1000 AAPL")]
)
def test_too_much_is_refused_with_both_amounts(
    exchange: OperatorExchange, asked: tuple[str, str], there: str, capsys: Capture
) -> None:
    assert exchange.admin("withdraw", "1001", *asked) == ExitStatus.REFUSED
    said = capsys.readouterr().err
    assert f"{' '.join(asked)} asked for, {there} available" in said
