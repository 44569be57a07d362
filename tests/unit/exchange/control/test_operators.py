"""Operators' commands end to end in one process: command line, daemon's part, matcher, journal."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exchange.cli import main
from exchange.codes import EventKind, InstrumentState, Reject, StateReason
from exchange.commands import open_account
from exchange.control.producer import ControlProducer
from exchange.errors import ExitStatus
from exchange.records import ADMIN_CONTINUATION, COMMAND, COMMAND_LAYOUT
from exchange.runtime.data_directory import journal_directory
from exchange.settings import DEFAULT_FILE
from journal.reader import JournalReader
from tests.harness.operator_exchange import UID, OperatorExchange, small_settings

BUY, SELL = 0, 1
PRICE = 1_500_000  # 150.0000


@pytest.fixture
def exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OperatorExchange]:
    made = OperatorExchange(tmp_path)
    monkeypatch.setattr("exchange.admin.names.ask", made.ask)
    monkeypatch.setattr("exchange.admin.send.ask", made.ask)
    monkeypatch.setattr("exchange.admin.configuration.ask", made.ask)
    yield made
    made.stop()


Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(exchange: OperatorExchange, capsys: pytest.CaptureFixture[str]) -> Run:
    """``exchange admin WORDS --json``, which must succeed; what it printed."""

    def run_admin(*words: str) -> dict[str, Any]:
        status = exchange.admin(*words, "--json")
        captured = capsys.readouterr()
        assert status == ExitStatus.OK, captured.err
        decoded: dict[str, Any] = json.loads(captured.out)
        return decoded

    return run_admin


@pytest.fixture
def refused(exchange: OperatorExchange, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """``exchange admin WORDS``, which must be refused; the one line that says why."""

    def run_admin(*words: str) -> str:
        assert exchange.admin(*words) in (ExitStatus.REFUSED, ExitStatus.CONFIGURATION)
        captured = capsys.readouterr()
        assert len(captured.err.splitlines()) == 1, captured.err
        return captured.err

    return run_admin


def test_first_start_defines_what_is_configured(exchange: OperatorExchange, run: Run) -> None:
    assert len(exchange.events(EventKind.CONTROL_REJECTED)) == 0
    shown = run("instrument", "list")
    assert [i["symbol"] for i in shown["instruments"]][:2] == ["AAPL", "AMZN"]
    apple = shown["instruments"][0]
    assert apple["limits"]["fees"] == {"maker_basis_points": "-0.2", "taker_basis_points": "1"}
    assert apple["limits"]["price-band"] == {"percent": "20"}
    assert apple["limits"]["reference-price"] == {"price": "150"}
    assert apple["limits"]["review-value"] == {"units": "10000000"}
    taiwan = next(i for i in shown["instruments"] if i["symbol"] == "2330.TW")
    assert taiwan["currency"] == "TWD"
    assert taiwan["limits"]["review-value"] == {"units": "10000000"}
    account = run("account", "show", "1001")
    assert account["money"]["USD"]["available"] == "1000000"
    assert account["positions"]["AAPL"]["quantity"] == 1000
    assert account["positions"]["AAPL"]["average_cost"] == "150"
    assert account["limits"]["orders-per-day"] == {"orders": 1000}
    assert account["limits"]["self-trade"] == {"mode": "cancel-resting", "group": 0}
    assert run("account", "limits", "1003")["limits"]["orders-per-day"] == {"orders": 0}
    sessions = run("session", "list")["sessions"]
    assert [s["username"] for s in sessions] == ["DEMO1", "DEMO2", "MAKER", "TAKER"]
    assert exchange.admin("config", "diff", "--config", str(exchange.config_file)) == ExitStatus.OK


def test_nothing_is_sent_twice(exchange: OperatorExchange, run: Run) -> None:
    before = len(exchange.events(EventKind.BALANCE_CHANGED))
    assert before > 0
    exchange.restart()
    assert len(exchange.events(EventKind.BALANCE_CHANGED)) == before
    assert len(exchange.events(EventKind.CONTROL_REJECTED)) == 0
    assert run("account", "show", "1001")["money"]["USD"]["balance"] == "1000000"


def test_interrupted_first_start_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The core dies after some of the first commands; each deposit counts once all the same."""
    send = ControlProducer.send
    sent = [0]

    def counting(producer: ControlProducer, record: Any) -> None:
        sent[0] += 1
        if sent[0] <= allowed:
            send(producer, record)

    monkeypatch.setattr(ControlProducer, "send", counting)
    for allowed in (0, 1, 10, 30, 44, 1000):
        sent[0] = 0
        directory = tmp_path / str(allowed)
        directory.mkdir()
        exchange = OperatorExchange(directory)
        try:
            if sent[0] > allowed:
                assert exchange.facts.day_number == 0
                allowed = 10_000
                exchange.restart()
            config = ("--config", str(exchange.config_file))
            assert exchange.admin("config", "diff", *config) == ExitStatus.OK
            changes = exchange.events(EventKind.BALANCE_CHANGED)
            assert len(changes) == 4 * 7
            rejects = exchange.events(EventKind.CONTROL_REJECTED)["reason"].tolist()
            assert set(rejects) <= {Reject.DUPLICATE_KEY}
        finally:
            exchange.stop()


def test_open_deposit_withdraw(exchange: OperatorExchange, run: Run, refused: Any) -> None:
    run("account", "open", "7")
    assert "ACCOUNT_EXISTS" in refused("account", "open", "7")
    assert "ACCOUNT_OUT_OF_RANGE" in refused("account", "open", "1000000")
    done = run("deposit", "7", "1000.25", "USD", "--key", "first")
    assert done["events"] == [
        {
            "event": "BALANCE_CHANGED",
            "account": 7,
            "currency": "USD",
            "change": "1000.25",
            "balance": "1000.25",
        }
    ]
    assert done["key"] == "first" and done["milliseconds"] >= 0 and not done["already_done"]
    again = run("deposit", "7", "1000.25", "USD", "--key", "first")
    assert again["already_done"]
    run("deposit", "7", "50", "AAPL", "--price", "149.5")
    run("withdraw", "7", "0.25", "USD")
    assert "INSUFFICIENT_BALANCE" in refused("withdraw", "7", "1000.0001", "USD")
    assert "INSUFFICIENT_BALANCE" in refused("withdraw", "7", "51", "AAPL")
    assert "UNKNOWN_ACCOUNT" in refused("deposit", "8", "1", "USD")
    assert "INVALID_AMOUNT" in refused("deposit", "7", "-1", "USD")
    assert "has more than 4 decimals" in refused("deposit", "7", "0.00001", "USD")
    assert "not a number" in refused("deposit", "7", "much", "USD")
    assert "no instrument 'EUR'" in refused("deposit", "7", "1", "EUR")
    for _ in range(2):
        shown = run("account", "show", "7")
        assert shown["money"]["USD"] == {"balance": "1000", "frozen": "0", "available": "1000"}
        assert shown["positions"]["AAPL"]["average_cost"] == "149.5"
        exchange.restart()
    assert run("deposit", "7", "1000.25", "USD", "--key", "first")["already_done"]


def test_who_did_it_is_in_the_journal(exchange: OperatorExchange, run: Run) -> None:
    sequence = run("account", "open", "7")["command_sequence"]
    reader = JournalReader(journal_directory(exchange.data_directory), COMMAND, COMMAND_LAYOUT, 0)
    ring = np.zeros(4096, COMMAND)
    while reader.next_sequence <= sequence:
        assert reader.read_into(ring, 4096)
    rest = ring[sequence + 1 : sequence + 2].view(ADMIN_CONTINUATION)[0]
    assert int(rest["operator_uid"]) == UID
    assert int(rest["operator_0"]).to_bytes(8, "little").rstrip(b"\0") == b"tester"


def test_trade_freezes_and_moves_money(exchange: OperatorExchange, run: Run) -> None:
    exchange.order(1, "b1", side=BUY, quantity=100, price=PRICE)
    usd = run("account", "show", "1001")["money"]["USD"]
    # 15,000 and the taker's fee of one basis point
    assert usd["frozen"] == "15001.5" and usd["available"] == "984998.5"
    exchange.order(2, "s1", side=SELL, quantity=40, price=PRICE)
    buyer, seller = run("account", "show", "1001"), run("account", "show", "1002")
    assert buyer["positions"]["AAPL"]["quantity"] == 1040
    assert seller["positions"]["AAPL"]["quantity"] == 960
    # the maker gets 0.2 basis points of 6,000, the taker pays 1
    assert buyer["money"]["USD"]["balance"] == "994000.12"
    assert seller["money"]["USD"]["balance"] == "1005999.4"
    assert run("account", "show", "1")["money"]["USD"]["balance"] == "0.48"


def test_halt_holds_over_a_restart_and_resume_ends_it(
    exchange: OperatorExchange, run: Run, refused: Any
) -> None:
    done = run("halt", "--instrument", "AAPL")
    assert done["events"] == [{"event": "STATE_CHANGED", "instrument": "AAPL", "state": "HALTED"}]
    exchange.restart()
    assert run("instrument", "list")["instruments"][0]["state"] == "HALTED"
    exchange.order(1, "b1", side=BUY, quantity=1, price=PRICE)
    assert exchange.events(EventKind.REJECTED)["reason"].tolist() == [Reject.INSTRUMENT_HALTED]
    run("resume", "--instrument", "AAPL")
    exchange.order(1, "b2", side=BUY, quantity=1, price=PRICE)
    assert len(exchange.events(EventKind.REJECTED)) == 1
    timed = run("halt", "--market", "--for", "3600")
    assert timed["events"][0]["instrument"] == "(market)" and timed["events"][0]["until"].endswith(
        "Z"
    )
    assert run("instrument", "list")["market"] == "HALTED"
    run("resume", "--market")
    assert len(run("cancel-only", "--group", "1")["events"]) == 4
    assert "no instrument 'NONE'" in refused("halt", "--instrument", "NONE")
    run("instrument", "state", "AAPL", "closed")
    assert run("instrument", "list")["instruments"][0]["state"] == "CLOSED"


def test_a_halt_for_some_seconds_ends_by_itself(exchange: OperatorExchange, run: Run) -> None:
    run("halt", "--instrument", "AAPL", "--for", "1")
    exchange.restart()  # also over a restart
    deadline_s = time.monotonic() + 300
    while len(exchange.events(EventKind.STATE_CHANGED)) < 2:
        assert time.monotonic() < deadline_s
        exchange.producer.expire(int(time.time()))
        exchange.settle()
    opened = exchange.events(EventKind.STATE_CHANGED)[-1]
    assert (opened["display"], opened["reason"]) == (InstrumentState.OPEN, StateReason.TIMER)
    assert run("instrument", "list")["instruments"][0]["state"] == "OPEN"


def test_cancel_by_order_id(
    exchange: OperatorExchange, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    exchange.order(1, "b1", side=BUY, quantity=1, price=PRICE)
    order_id = int(exchange.events(EventKind.ACCEPTED)["order_id"][0])
    assert main(["cancel", str(order_id), "--data-dir", str(exchange.data_directory)]) == 0
    assert capsys.readouterr().out == f"order {order_id} is cancelled: 1 units were open\n"
    assert len(exchange.events(EventKind.CANCELED)) == 1
    assert run("account", "show", "1001")["money"]["USD"]["frozen"] == "0"


def test_auction_by_hand(exchange: OperatorExchange, run: Run) -> None:
    run("auction", "--instrument", "AAPL")
    exchange.order(1, "b1", side=BUY, quantity=10, price=PRICE + 100)
    exchange.order(2, "s1", side=SELL, quantity=10, price=PRICE)
    assert len(exchange.events(EventKind.TRADE)) == 0
    done = run("resume", "--instrument", "AAPL")
    auction = next(e for e in done["events"] if e["event"] == "AUCTION")
    assert auction["volume"] == 10
    assert len(exchange.events(EventKind.TRADE)) == 1


@pytest.mark.parametrize("scope", [("--account", "1001"), ("--session", "DEMO1"), ("--exchange",)])
def test_kill_switch_holds_over_a_restart(
    exchange: OperatorExchange, run: Run, scope: tuple[str, ...]
) -> None:
    for number in range(3):
        exchange.order(1, f"b{number}", side=BUY, quantity=1, price=PRICE)
    done = run("kill", *scope, "on")
    assert done["cancelled"] == 3
    assert done["milliseconds"] > 0
    assert run("account", "show", "1001")["money"]["USD"]["frozen"] == "0"
    exchange.restart()
    exchange.order(1, "b9", side=BUY, quantity=1, price=PRICE)
    assert exchange.events(EventKind.REJECTED)["reason"].tolist() == [Reject.KILL_SWITCH]
    assert run("kill", *scope, "off")["cancelled"] == 0
    exchange.order(1, "b10", side=BUY, quantity=1, price=PRICE)
    assert len(exchange.events(EventKind.REJECTED)) == 1


def test_block_keeps_live_orders(exchange: OperatorExchange, run: Run) -> None:
    exchange.order(1, "b1", side=BUY, quantity=1, price=PRICE)
    run("account", "block", "1001")
    exchange.order(1, "b2", side=BUY, quantity=1, price=PRICE)
    assert exchange.events(EventKind.REJECTED)["reason"].tolist() == [Reject.ACCOUNT_BLOCKED]
    accounts = run("account", "list")["accounts"]
    assert [a for a in accounts if a["blocked"]] == [
        {"account": 1001, "blocked": True, "killed": False, "live_orders": 1}
    ]
    run("account", "unblock", "1001")
    exchange.order(1, "b3", side=BUY, quantity=1, price=PRICE)
    assert len(exchange.events(EventKind.REJECTED)) == 1


def test_review(exchange: OperatorExchange, run: Run, refused: Any) -> None:
    run("instrument", "set", "AAPL", "review-value", "1000")
    for token in ("b1", "b2"):
        exchange.order(1, token, side=BUY, quantity=10, price=PRICE)
    exchange.restart()
    held = run("review", "list")["held"]
    assert [(h["session"], h["account"], h["side"], h["price"], h["quantity"]) for h in held] == [
        ("DEMO1", 1001, "BUY", "150", 10)
    ] * 2
    assert run("account", "show", "1001")["money"]["USD"]["frozen"] == "3000.3"
    assert run("review", "approve", str(held[0]["order_id"]))["cancelled"] == 0
    assert run("review", "refuse", str(held[1]["order_id"]))["cancelled"] == 1
    assert run("review", "list")["held"] == []
    assert "UNKNOWN_ORDER" in refused("review", "approve", str(held[0]["order_id"]))
    assert run("account", "show", "1001")["live_orders"] == 1


def test_limits(exchange: OperatorExchange, run: Run, refused: Any) -> None:
    run("limits", "set", "--account", "1001", "orders-per-day", "1")
    exchange.order(1, "b1", side=BUY, quantity=1, price=PRICE)
    exchange.order(1, "b2", side=BUY, quantity=1, price=PRICE)
    assert exchange.events(EventKind.REJECTED)["reason"].tolist() == [Reject.DAILY_ORDER_LIMIT]
    run("limits", "set", "--session", "DEMO1", "cancel-on-disconnect", "on")
    run("limits", "set", "--default", "open-orders", "5")
    run("account", "open", "7")
    shown = run("account", "limits", "7")["limits"]
    assert shown["open-orders"] == {"orders": 5} and shown["orders-per-day"] == {"orders": 1000}
    session = run("limits", "show", "--session", "DEMO1")["limits"]
    assert session["cancel-on-disconnect"] == {"on": True}
    assert run("limits", "show", "--default")["limits"]["open-orders"] == {"orders": 5}
    run("limits", "set", "--account", "7", "self-trade", "decrement", "12")
    run("limits", "set", "--account", "7", "cancel-ratio", "50.5", "30", "10")
    shown = run("account", "limits", "7")["limits"]
    assert shown["self-trade"] == {"mode": "decrement", "group": 12}
    assert shown["cancel-ratio"] == {"percent": "50.5", "window_s": 30, "minimum": 10}
    run("limits", "set", "--instrument", "AMZN", "breaker", "5", "60", "120")
    run("limits", "set", "--instrument", "AMZN", "breaker", "0")
    assert "INVALID_PARAMETER" in refused("limits", "set", "--instrument", "AMZN", "collar", "101")
    assert "belongs to an account" in refused(
        "limits", "set", "--instrument", "AMZN", "orders-per-day", "1"
    )
    assert "breaker has 3 values" in refused(
        "limits", "set", "--instrument", "AMZN", "breaker", "5"
    )
    exchange.order(2, "s1", side=SELL, quantity=1, price=2 * PRICE // 3 * 2)
    assert "INSTRUMENT_BUSY" in refused("instrument", "set", "AAPL", "fees", "0", "2")


def test_mass_cancel(exchange: OperatorExchange, run: Run, refused: Any) -> None:
    exchange.order(1, "b1", side=BUY, quantity=1, price=PRICE)
    exchange.order(1, "b2", side=BUY, quantity=1, price=PRICE, instrument=2)
    exchange.order(2, "s1", side=SELL, quantity=1, price=PRICE + 100)
    assert run("mass-cancel", "--instrument", "AAPL", "--side", "sell")["cancelled"] == 1
    assert run("mass-cancel", "--session", "DEMO2")["cancelled"] == 0
    assert run("mass-cancel", "--all")["cancelled"] >= 1
    assert "select orders" in refused("mass-cancel")
    assert "select orders" in refused("mass-cancel", "--all", "--side", "buy")


def test_instrument_and_session_added_while_running(
    exchange: OperatorExchange, run: Run, refused: Any
) -> None:
    add = ("instrument", "add", "9", "NEW", "--currency", "USD", "--price-decimals", "2")
    sizes = ("--tick", "0.05", "--minimum-price", "0.05", "--maximum-price", "1000")
    done = run(*add, *sizes, "--maximum-quantity", "1000")
    assert done["events"][-1] == {
        "event": "INSTRUMENT_DEFINED",
        "instrument": "NEW",
        "instrument_id": 9,
    }
    assert "INSTRUMENT_EXISTS" in refused(*add, *sizes, "--maximum-quantity", "1000")
    run("instrument", "set", "NEW", "reference-price", "10.05")
    run("session", "add", "9", "NEW1", "1001")
    assert "SESSION_EXISTS" in refused("session", "add", "9", "NEW1", "1001")
    exchange.restart()
    new = run("instrument", "list")["instruments"][-1]
    assert (new["symbol"], new["tick"], new["limits"]["reference-price"]) == (
        "NEW",
        "0.05",
        {"price": "10.05"},
    )
    assert run("session", "list")["sessions"][-1]["username"] == "NEW1"


def test_configuration_is_compared_and_applied(
    exchange: OperatorExchange, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    config = ("--config", str(exchange.config_file))
    accounts = (DEFAULT_FILE.parent / "accounts.toml").read_text()
    instruments = (DEFAULT_FILE.parent / "instruments.toml").read_text()
    folder = exchange.config_file.parent
    (folder / "accounts.toml").write_text(
        f"{accounts}\n[[account]]\nid = 5\nmoney = {{ USD = 10 }}\norders_per_day = 3\n"
    )
    (folder / "instruments.toml").write_text(
        instruments.replace("lot = 1_000", "lot = 500", 1).replace(
            'symbol = "AMZN"', 'symbol = "AMZN"\nprice_band_percent = 5', 1
        )
    )
    exchange.config_file.write_text(small_settings({"risk": {"open_orders": 9}}))
    # a restart reports and changes nothing
    exchange.restart()
    assert exchange.admin("config", "diff", *config) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "instrument AMZN price_band: configured 50000, running 200000" in lines
    assert "instrument 2330.TW lot: configured 500, running 1000 (cannot be changed)" in lines
    assert "account 5: configured defined, running not defined" in lines
    assert "account 5 opening deposit: configured 10 USD, running not made" in lines
    assert "default open_orders: configured 9, running 0" in lines
    assert exchange.admin("config", "apply", *config) == ExitStatus.CONFIGURATION
    assert "say --yes" in capsys.readouterr().err
    run("config", "apply", "--yes", *config)
    left = exchange.admin("config", "diff", *config)
    lines = capsys.readouterr().out.splitlines()
    assert left == 1 and lines == [
        "instrument 2330.TW lot: configured 500, running 1000 (cannot be changed)",
        "1 differences",
    ]
    shown = run("account", "show", "5")
    assert shown["money"]["USD"]["balance"] == "10"
    assert shown["limits"]["orders-per-day"] == {"orders": 3}
    assert shown["limits"]["open-orders"] == {"orders": 9}


def test_schedule_sends_states_and_leaves_halts(exchange: OperatorExchange, run: Run) -> None:
    text = (DEFAULT_FILE.parent / "instruments.toml").read_text()
    times = 'opening_auction = "09:00:00"\nopen = "09:30:00"\nclose = "16:00:00"\n'
    (exchange.config_file.parent / "instruments.toml").write_text(
        text.replace('name = "US"\n', f'name = "US"\n{times}', 1)
    )

    def states() -> list[str]:
        return [i["state"] for i in run("instrument", "list")["instruments"]]

    def at(hour: int, minute: int) -> None:
        zone = datetime.timezone(datetime.timedelta(hours=-5))
        exchange.now = datetime.datetime(2026, 11, 20, hour, minute, tzinfo=zone)
        exchange.settle()

    exchange.now = None
    exchange.restart()
    at(8, 0)
    assert states() == ["CLOSED"] * 4 + ["OPEN"]
    at(9, 0)
    assert states() == ["AUCTION"] * 4 + ["OPEN"]
    exchange.order(1, "b1", side=BUY, quantity=10, price=PRICE)
    exchange.order(2, "s1", side=SELL, quantity=10, price=PRICE)
    at(9, 30)
    assert states() == ["OPEN"] * 5
    assert len(exchange.events(EventKind.TRADE)) == 1
    run("halt", "--instrument", "AMZN")
    exchange.restart()
    exchange.settle()
    assert states() == ["OPEN", "HALTED", "OPEN", "OPEN", "OPEN"]
    at(16, 0)
    assert states() == ["CLOSED", "HALTED", "CLOSED", "CLOSED", "OPEN"]


def test_requests_that_are_no_commands(exchange: OperatorExchange) -> None:
    for record in ("", "zz", "00" * 63, "00" * 64, "00" * 128, "00" * 192):
        answer = exchange.operators.submit(record, "x", 1, lambda answer: None)
        assert answer is not None and not answer["ok"]
    client_order = bytearray(64)
    client_order[42] = 1  # ENTER
    answer = exchange.operators.submit(client_order.hex(), "x", 1, lambda answer: None)
    assert answer is not None and "not an operator's command" in answer["error"]


def test_death_of_the_core_answers_who_waits(exchange: OperatorExchange) -> None:
    answers: list[dict[str, Any]] = []
    record = open_account(9, "k")
    encoded = record.tobytes().hex()
    assert exchange.operators.submit(encoded, "x", 1, answers.append) is None
    again = exchange.operators.submit(encoded, "x", 1, answers.append)
    assert again is not None and "under way" in again["error"]
    exchange.operators.abandon()
    assert len(answers) == 1 and "repeat the command with the same --key" in answers[0]["error"]
    assert not exchange.operators.waiting


def test_people_can_read_it(exchange: OperatorExchange, capsys: pytest.CaptureFixture[str]) -> None:
    assert exchange.admin("deposit", "1001", "5", "USD", "--key", "k1") == ExitStatus.OK
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("done: command ") and out[0].endswith("(key k1)")
    assert out[1] == "  balance changed: account=1001 currency=USD change=5 balance=1000005"
    assert exchange.admin("deposit", "1001", "5", "USD", "--key", "k1") == ExitStatus.OK
    assert capsys.readouterr().out == "already done: key k1 has been used\n"
    assert exchange.admin("account", "show", "1001") == ExitStatus.OK
    assert "  USD: balance=1000005 frozen=0 available=1000005" in capsys.readouterr().out
    assert exchange.admin("instrument", "list") == ExitStatus.OK
    assert "market: OPEN" in capsys.readouterr().out
