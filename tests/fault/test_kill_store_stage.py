"""The stage store and its Postgres are killed: trading goes on, and the rows are equal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import psycopg
import pytest
from exchange_process import RunningExchange, wait_until
from trading_load import Trader

from exchange.errors import ExitStatus
from exchange.settings import ROOT
from exchange.store.postgres import running_server

pytestmark = [pytest.mark.needs_jit, pytest.mark.timeout(300)]

TRADERS = 2
LIMIT_S = 60.0
SETTINGS = {
    "store": {"dsn": "embedded", "flush_ms": 5, "batch_events": 512, "retry_maximum_ms": 200}
}


def counter(exchange: RunningExchange, name: str) -> int:
    return int(exchange.status()["counters"][name])


def store(
    exchange: RunningExchange, verb: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run `exchange store VERB`."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "exchange.cli", "store", verb),
            *("--data-dir", str(exchange.data_directory), "--config", str(exchange.config_file)),
            *arguments,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )


def postgres_pid(exchange: RunningExchange) -> int:
    """The server's pid, 0 while there is none."""
    try:
        text = (exchange.data_directory / "postgres" / "postmaster.pid").read_text()
        return int(text.split("\n", 1)[0])
    except (OSError, ValueError):
        return 0


def commits_more(exchange: RunningExchange) -> None:
    """Wait until some more has been committed, by whichever process."""
    before = counter(exchange, "store_next_event")
    wait_until(lambda: counter(exchange, "store_next_event") > before + 500, LIMIT_S, "commits")


def test_the_stage_and_its_postgres_are_killed(make_exchange: Any) -> None:
    exchange: RunningExchange = make_exchange(settings=SETTINGS).start()
    traders = [Trader(exchange, number, 5) for number in range(1, TRADERS + 1)]
    for trader in traders:
        trader.start()
    try:
        commits_more(exchange)
        for victim in ("store", "postgres", "store", "postgres"):
            pid = exchange.pid("store") if victim == "store" else postgres_pid(exchange)
            core = [exchange.pid(role) for role in ("matcher", "journaler", "order_entry")]
            server = postgres_pid(exchange)
            os.kill(pid, signal.SIGKILL)
            wait_until(
                lambda server=server: postgres_pid(exchange) not in (0, server),  # type: ignore[misc]
                LIMIT_S,
                "another Postgres",
            )
            commits_more(exchange)
            assert [exchange.pid(role) for role in ("matcher", "journaler", "order_entry")] == core
        checked = store(exchange, "check")  # while it is written to
        assert checked.returncode == ExitStatus.OK, checked.stdout + checked.stderr
        exchange.kill()
        exchange.launch()
        exchange.wait_ready()
        commits_more(exchange)
    finally:
        for trader in traders:
            trader.finish()
        for trader in traders:
            trader.join(LIMIT_S)
        for trader in traders:
            trader.give_up()
    rebuilt = store(exchange, "rebuild")
    assert rebuilt.returncode == ExitStatus.OK, rebuilt.stdout + rebuilt.stderr
    server = postgres_pid(exchange)
    assert exchange.stop() == ExitStatus.OK
    assert not os.path.exists(f"/proc/{server}"), "Postgres runs on after the exchange"
    # everything was written before the end; the server is started for the check, and ended
    checked = store(exchange, "check")
    assert checked.returncode == ExitStatus.OK, checked.stdout + checked.stderr
    assert "the database says what the archive says" in checked.stdout
    assert not postgres_pid(exchange)


def test_a_difference_is_told(make_exchange: Any) -> None:
    exchange: RunningExchange = make_exchange(settings=SETTINGS).start()
    wait_until(lambda: counter(exchange, "store_next_event") > 100, LIMIT_S, "the first rows")
    with running_server(exchange.data_directory) as conninfo, psycopg.connect(conninfo) as changed:
        changed.execute("UPDATE accounts SET balance = balance + 1 WHERE user_id = 3")
    checked = store(exchange, "check")
    assert checked.returncode == ExitStatus.BUG
    assert "accounts: user_id 3, currency 'USD': balance is" in checked.stdout
    shown = store(exchange, "psql", "--", "-tAc", "SELECT count(*) FROM accounts")
    assert shown.returncode == 0 and int(shown.stdout) > 0, shown.stderr
    assert exchange.stop() == ExitStatus.OK
