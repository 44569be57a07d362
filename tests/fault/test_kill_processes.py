"""kill -9 of each process in turn, under load: nothing acknowledged is lost, nothing is doubled.

At least 50 kills at seeded moments. A moment is a number of messages that the clients have got
since everything ran again, so it falls in the middle of the work; every fifth kill hits a process
while it is starting. Afterwards the streams are asked for again from their first message and must
be what the clients were told, and the replay must be equal to the archive.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
from exchange_process import RunningExchange, wait_until
from trading_load import Trader

from exchange.errors import ExitStatus
from exchange.settings import ROOT

pytestmark = [pytest.mark.needs_jit, pytest.mark.timeout(2400)]

KILLS = {"matcher": 15, "journaler": 15, "order_entry": 14, "daemon": 10}
SEED = int(os.environ.get("EXCHANGE_TEST_SEED", "20240229"))
TRADERS = 4
LIMIT_S = 180.0


def total(traders: list[Trader]) -> int:
    for trader in traders:
        assert trader.error is None, trader.error
    return sum(len(trader.messages) for trader in traders)


def kill(exchange: RunningExchange, role: str) -> None:
    """kill -9 of ``role``; a killed daemon is started again."""
    if role == "daemon":
        exchange.kill()
        exchange.launch()
        return
    pid = exchange.pid(role)
    os.kill(pid, signal.SIGKILL)

    def replaced() -> bool:
        state = exchange.state()
        stage = state.stages.get(role) if state else None
        return stage is not None and stage.pid != pid

    wait_until(replaced, LIMIT_S, f"a new {role}")


def verify(exchange: RunningExchange) -> None:
    """The replay tool finds journal and archive equal, event by event, and the chain hash."""
    answer = subprocess.run(
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
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_kill_each_process_under_load(make_exchange: Any) -> None:
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    roles = [role for role, count in KILLS.items() for _ in range(count)]
    chance.shuffle(roles)
    assert len(roles) >= 50
    exchange: RunningExchange = make_exchange().start()
    traders = [Trader(exchange, number, SEED) for number in range(1, TRADERS + 1)]
    for trader in traders:
        trader.start()
    began_s = time.monotonic()
    try:
        for number, role in enumerate(roles):
            if number % 5 != 4:
                exchange.wait_ready()
                moment = total(traders) + chance.randrange(1, 1500)
                wait_until(
                    lambda moment=moment: total(traders) >= moment,  # type: ignore[misc]
                    LIMIT_S,
                    f"message {moment} before kill {number} of {role}",
                )
            else:
                # whatever is there of it while the core starts
                wait_until(
                    lambda role=role: _there(exchange, role),  # type: ignore[misc]
                    LIMIT_S,
                    f"{role} to be there",
                )
            kill(exchange, role)
        exchange.wait_ready()
        moment = total(traders) + 1000
        wait_until(lambda: total(traders) >= moment, LIMIT_S, "trading to go on")
        for trader in traders:
            trader.finish()
        for trader in traders:
            trader.join(LIMIT_S)
            assert not trader.is_alive(), f"{len(trader.unanswered)} orders were never answered"
    finally:
        for trader in traders:
            trader.give_up()
        for trader in traders:
            trader.join(LIMIT_S)
    print(
        f"{len(roles)} kills in {time.monotonic() - began_s:.0f} s, {total(traders)} messages, "
        f"{sum(trader.connections for trader in traders)} connections"
    )
    for trader in traders:
        trader.check()
    assert exchange.stop() == ExitStatus.OK
    exchange.start()
    for trader in traders:
        assert trader.stream_again() == trader.messages
    assert exchange.stop() == ExitStatus.OK
    verify(exchange)


def _there(exchange: RunningExchange, role: str) -> bool:
    state = exchange.state()
    return state is not None and (role == "daemon" or role in state.stages)
