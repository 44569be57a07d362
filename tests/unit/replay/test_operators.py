"""``exchange-replay export operators``: who, what, why and with what outcome."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.cli import main as exchange_main
from exchange.codes import CommandKind, EventKind
from exchange.commands import end_of_day, notes
from exchange.errors import ExitStatus
from replay.cli import main
from tests.harness.operator_exchange import UID, OperatorExchange, small_settings

Capture = pytest.CaptureFixture[str]
# 120 characters: three NOTEs
LONG = "the client has asked for it on the telephone, see ticket 4711 of 30 November; " + "x" * 42


@pytest.fixture
def exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OperatorExchange]:
    settings = small_settings({"exchange": {"operators": ["alice", "bob"]}})
    made = OperatorExchange(tmp_path, settings)
    for module in ("names", "send", "configuration", "key"):
        monkeypatch.setattr(f"exchange.admin.{module}.ask", made.ask)
    yield made
    made.stop()


def exported(exchange: OperatorExchange, capsys: Capture, *words: str) -> list[dict[str, str]]:
    """The rows of the CSV, without those of the configuration."""
    capsys.readouterr()
    data = ("--data-dir", str(exchange.data_directory))
    assert main(["export", "operators", *data, *words]) == ExitStatus.OK
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    return [row for row in rows if row["operator"] not in ("configuration", "exchange")]


def told(rows: list[dict[str, str]], *columns: str) -> list[tuple[str, ...]]:
    return [tuple(row[each] for each in columns) for row in rows]


def test_who_did_what_and_why(exchange: OperatorExchange, capsys: Capture) -> None:
    alice = ("--as", "alice", "--reason", LONG)
    assert exchange.admin("account", "open", "2001", "--key", "open", *alice) == ExitStatus.OK
    deposit = ("deposit", "2001", "25000.50", "USD", "--key", "wire-77")
    assert exchange.admin(*deposit, "--as", "bob", "--reason", "wire 77") == ExitStatus.OK
    assert exchange.admin(*deposit) == ExitStatus.OK  # a repetition, by the Unix user
    exchange.order(1, "b1", side=0, quantity=7, price=1_500_000)
    number = int(exchange.events(EventKind.ACCEPTED)["order_id"][0])
    kill = ("kill", "--account", "1001", "on", "--key", "kill")
    assert exchange.admin(*kill, "--as", "bob") == ExitStatus.OK
    rows = exported(exchange, capsys)
    assert told(rows, "operator", "command", "key", "reason", "outcome", "canceled_orders") == [
        ("alice", "ACCOUNT", "open", LONG, "DONE", "0"),
        ("bob", "DEPOSIT", "wire-77", "wire 77", "DONE", "0"),
        ("tester", "DEPOSIT", "wire-77", "", "ALREADY_DONE", ""),
        ("bob", "KILL", "kill", "", "DONE", "1"),
    ]
    assert {row["operator_uid"] for row in rows} == {str(UID)}
    assert rows[1]["details"] == "account=2001 currency=USD amount=25000.5000"
    assert int(rows[3]["sequence"]) > number > int(rows[2]["sequence"])
    assert rows[0]["time"].startswith("20") and int(rows[0]["timestamp_ns"]) > 0
    # ranges, the last ones, and what concerns the order that was cancelled
    assert len(exported(exchange, capsys, "--first", rows[1]["sequence"])) == 3
    assert told(exported(exchange, capsys, "--tail", "2"), "command") == [("DEPOSIT",), ("KILL",)]
    assert told(exported(exchange, capsys, "--order", str(number)), "command") == [("KILL",)]


def test_commands_without_a_key(exchange: OperatorExchange, capsys: Capture) -> None:
    """An instrument, a session, a cancel, a day, an API key: the NOTE has the name."""
    words = ("NVDA", "--currency", "USD", "--price-decimals", "4", "--tick", "0.01")
    limits = ("--minimum-price", "1", "--maximum-price", "999", "--maximum-quantity", "1000000")
    why = ("--as", "alice", "--reason", "new listing")
    assert exchange.admin("instrument", "add", "9", *words, *limits, *why) == ExitStatus.OK
    assert exchange.admin("session", "add", "9", "DEMO9", "1001", "--as", "bob") == ExitStatus.OK
    exchange.order(1, "b1", side=0, quantity=7, price=1_500_000)
    number = int(exchange.events(EventKind.ACCEPTED)["order_id"][0])
    cancel = ["cancel", str(number), "--data-dir", str(exchange.data_directory)]
    assert exchange_main([*cancel, "--as", "bob", "--reason", "fat finger"]) == ExitStatus.OK
    assert exchange_main([*cancel, "--as", "alice"]) == ExitStatus.REFUSED
    for note in notes("alice", UID, "", "", CommandKind.START_OF_DAY):  # one is open: refused
        exchange.producer.send(note)
    for record in (*notes("bob", UID, "storm", "", CommandKind.END_OF_DAY), end_of_day()):
        exchange.producer.send(record)
    exchange.settle()
    key = ("key", "make", "1001", "--label", "bot", "--as", "alice", "--reason", "for the bot")
    assert exchange.admin(*key) == ExitStatus.OK
    rows = exported(exchange, capsys)
    assert told(rows, "operator", "command", "reason", "outcome")[:6] == [
        ("alice", "INSTRUMENT", "new listing", "DONE"),
        ("bob", "SESSION", "", "DONE"),
        ("bob", "CANCEL_BY_ORDER_ID", "fat finger", "DONE"),
        ("alice", "CANCEL_BY_ORDER_ID", "", "NO_EFFECT"),
        ("alice", "START_OF_DAY", "", "NO_EFFECT"),
        ("bob", "END_OF_DAY", "storm", "DONE"),
    ]
    parameter, made = rows[6:]
    assert (parameter["operator"], parameter["command"]) == ("alice", "PARAMETER")
    assert (made["operator"], made["command"], made["outcome"]) == ("alice", "API_KEY", "DONE")
    assert made["reason"].endswith("of account 1001 made, may read and trade: for the bot")
    assert rows[0]["details"].startswith("instrument=NVDA instrument_id=9 price_decimals=4")


def test_a_plan_names_its_operator_for_each_command(
    exchange: OperatorExchange, capsys: Capture
) -> None:
    """Also for a session, whose command has no room for a name."""
    files = exchange.config_file.parent
    sessions = files / "sessions.toml"
    hashed = sessions.read_text().split('password = "')[1].split('"')[0]
    added = f'\n[[session]]\nid = 20\nusername = "NEW1"\naccount = 1001\npassword = "{hashed}"\n'
    sessions.write_text(sessions.read_text() + added)
    apply = ("config", "apply", "--yes", "--config", str(exchange.config_file))
    assert exchange.admin(*apply, "--as", "bob", "--reason", "new member") == ExitStatus.OK
    (row, *_), said = exported(exchange, capsys), capsys.readouterr()
    assert (row["operator"], row["command"], row["outcome"]) == ("bob", "SESSION", "DONE")
    assert row["reason"].startswith("plan of ") and row["reason"].endswith(": new member"), said


def test_what_the_matcher_refuses(exchange: OperatorExchange, capsys: Capture) -> None:
    """The door refuses most of it before it is journaled; a halt of what is closed is not seen."""
    exchange.door.pass_through = lambda records: None  # type: ignore[method-assign]
    words = ("withdraw", "1001", "999999999", "USD", "--key", "key-1")
    assert exchange.admin(*words, "--as", "alice", "--reason", "too much") == ExitStatus.REFUSED
    (row,) = exported(exchange, capsys)
    assert (row["outcome"], row["reject"]) == ("REFUSED", "INSUFFICIENT_BALANCE")
    assert (row["command"], row["reason"]) == ("WITHDRAW", "too much")


def test_json_has_what_is_not_empty(exchange: OperatorExchange, capsys: Capture) -> None:
    assert exchange.admin("account", "open", "2001", "--as", "alice", "--key", "k") == ExitStatus.OK
    capsys.readouterr()
    data = ("--data-dir", str(exchange.data_directory))
    assert main(["export", "operators", "--json", "--tail", "1", *data]) == ExitStatus.OK
    row = json.loads(capsys.readouterr().out)
    assert row.pop("timestamp_ns") > 0 and row.pop("time") and row.pop("sequence") > 0
    assert row == {
        "operator": "alice",
        "operator_uid": UID,
        "command": "ACCOUNT",
        "key": "k",
        "outcome": "DONE",
        "canceled_orders": 0,
        "details": "account=2001",
    }


def test_what_the_exchange_itself_asked_for_has_its_name(
    exchange: OperatorExchange, capsys: Capture
) -> None:
    capsys.readouterr()
    data = ("--data-dir", str(exchange.data_directory))
    assert main(["export", "operators", *data]) == ExitStatus.OK
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["operator"] for row in rows} == {"configuration", "exchange"}
    assert {row["outcome"] for row in rows} == {"DONE"} and len(rows) > 20
