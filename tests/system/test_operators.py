"""Operators' commands on a real exchange: a second terminal, TCP clients, restarts in between."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from exchange_process import PASSWORD, START_TIMEOUT_S, RunningExchange, wait_until
from patient_client import PatientClient

from exchange.client.order_entry import Sequenced
from exchange.errors import ExitStatus
from exchange.settings import ROOT

pytestmark = pytest.mark.needs_jit

PRICE = 1_500_000
LIMIT_S = 180.0


def admin(exchange: RunningExchange, *words: str) -> subprocess.CompletedProcess[str]:
    """`exchange admin WORDS` in a process of its own."""
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "exchange.cli",
            "admin",
            *words,
            "--json",
            "--data-dir",
            str(exchange.data_directory),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,
    )


def matcher_pid(exchange: RunningExchange) -> int | None:
    """The matcher's pid as the daemon knows it; None while there is none."""
    state = exchange.state()
    stage = None if state is None else state.stages.get("matcher")
    return None if stage is None else stage.pid


def done(exchange: RunningExchange, *words: str) -> dict[str, Any]:
    """A command that must succeed; what it printed."""
    ended = admin(exchange, *words)
    assert ended.returncode == ExitStatus.OK, ended.stderr + exchange.log_tail()
    shown: dict[str, Any] = json.loads(ended.stdout)
    return shown


class Trader:
    """A session that logs in anew for every order, and goes on where it was."""

    def __init__(self, exchange: RunningExchange, user: str) -> None:
        self._exchange, self._user, self._next, self._orders = exchange, user, 1, 0

    def order(self, side: str, shares: int, price: int = PRICE, count: int = 1) -> list[Sequenced]:
        """Enter an order; the ``count`` messages about it that must come.

        Others may come first: a fill of an earlier order, a cancel by an operator.
        """
        self._orders += 1
        token = f"{self._user}-{self._orders}"
        with PatientClient("127.0.0.1", self._exchange.port) as client:
            client.login(self._user, PASSWORD, sequence=self._next)
            client.enter(token, side, shares, "AAPL", price)
            messages: list[Sequenced] = []
            while sum(m.fields.get("token") == token for m in messages) < count:
                messages.append(client.receive(LIMIT_S))
            self._next += len(messages)
        return [m for m in messages if m.fields.get("token") == token]


def letters(messages: list[Sequenced]) -> list[str]:
    return [message.letter for message in messages]


def test_a_trader_from_account_to_trade(make_exchange: Callable[..., Any]) -> None:
    exchange = make_exchange(sessions=4).start()
    mode = (exchange.data_directory / "control.sock").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    # an account that the configuration does not know, with a session of its own
    done(exchange, "account", "open", "77")
    assert done(exchange, "deposit", "77", "1000", "USD", "--key", "wire-1")["done"]
    assert done(exchange, "deposit", "77", "1000", "USD", "--key", "wire-1")["already_done"]
    money = done(exchange, "account", "show", "77")["money"]["USD"]
    assert money == {"balance": "1000", "frozen": "0", "available": "1000"}
    buyer, seller = Trader(exchange, "S1"), Trader(exchange, "S2")
    before = done(exchange, "account", "show", "1")
    assert letters(buyer.order("B", 10)) == ["A"]
    frozen = done(exchange, "account", "show", "1")["money"]["USD"]["frozen"]
    assert frozen == "1500.15"  # with the taker's fee of one basis point
    # a restart by recovery in between: the order rests, its money stays frozen
    exchange.kill()
    exchange.start()
    assert letters(seller.order("S", 4, count=2)) == ["A", "E"]
    after = done(exchange, "account", "show", "1")
    assert after["positions"]["AAPL"]["quantity"] == before["positions"]["AAPL"]["quantity"] + 4
    assert after["money"]["USD"]["frozen"] == "900.09"
    assert done(exchange, "account", "show", "77")["money"]["USD"]["balance"] == "1000"
    assert done(exchange, "deposit", "77", "1000", "USD", "--key", "wire-1")["already_done"]
    refusal = admin(exchange, "withdraw", "77", "1000.01", "USD")
    assert refusal.returncode == ExitStatus.REFUSED
    assert "INSUFFICIENT_BALANCE" in refusal.stderr and len(refusal.stderr.splitlines()) == 1
    verified = subprocess.run(
        [
            sys.executable,
            "-m",
            "replay.cli",
            "verify",
            "--data-dir",
            str(exchange.data_directory),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
    shown = subprocess.run(
        [
            *(sys.executable, "-m", "replay.cli", "show", "commands", "--kind", "DEPOSIT"),
            *("--json", "--tail", "1", "--data-dir", str(exchange.data_directory)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    command = json.loads(shown.stdout)
    assert command["operator_uid"] == os.getuid() and command["operator"]
    assert exchange.stop() == ExitStatus.OK


def test_halts_kills_and_reviews_hold_over_crashes(make_exchange: Callable[..., Any]) -> None:
    exchange = make_exchange(sessions=4).start()
    trader, other = Trader(exchange, "S1"), Trader(exchange, "S2")
    done(exchange, "halt", "--instrument", "AAPL")
    assert letters(trader.order("B", 1)) == ["J"]
    exchange.kill()
    exchange.start()
    assert letters(trader.order("B", 1)) == ["J"]
    done(exchange, "resume", "--instrument", "AAPL")
    assert letters(trader.order("B", 1)) == ["A"]

    done(exchange, "instrument", "set", "AAPL", "review-value", "10000")
    (held,) = trader.order("B", 100)
    assert held.letter == "A"
    killed = exchange.pid("matcher")
    os.kill(killed, 9)  # the core restarts by itself
    wait_until(lambda: matcher_pid(exchange) != killed, START_TIMEOUT_S, "the matcher to be missed")
    exchange.wait_ready()
    (waiting,) = done(exchange, "review", "list")["held"]
    assert waiting["account"] == 1 and waiting["quantity"] == 100
    done(exchange, "review", "approve", str(waiting["order_id"]))
    assert letters(other.order("S", 50, count=2)) == ["A", "E"]

    killed = done(exchange, "kill", "--account", "1", "on")
    assert killed["cancelled"] == 2 or killed["cancelled"] == 1
    assert 0 < killed["milliseconds"] < 60_000
    exchange.kill()
    exchange.start()
    assert letters(trader.order("B", 1)) == ["J"]
    assert letters(other.order("S", 1)) == ["A"]
    done(exchange, "kill", "--account", "1", "off")
    assert letters(trader.order("B", 1, price=PRICE // 2)) == ["A"]
    assert exchange.stop() == ExitStatus.OK


def test_shows_work_while_nothing_runs(make_exchange: Callable[..., Any]) -> None:
    exchange = make_exchange(sessions=4).start()
    done(exchange, "cancel-only", "--market")
    assert exchange.stop() == ExitStatus.OK
    assert done(exchange, "instrument", "list")["market"] == "CANCEL_ONLY"
    assert admin(exchange, "resume", "--market").returncode == ExitStatus.NOT_RUNNING
