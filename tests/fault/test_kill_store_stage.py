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

pytestmark = [pytest.mark.needs_jit, pytest.mark.timeout(1800)]

TRADERS = 2
LIMIT_S = 180.0
CATCH_UP_S = 300.0  # on a machine with much else to do
SETTINGS = {
    "store": {"dsn": "embedded", "flush_ms": 5, "batch_events": 16_384, "retry_maximum_ms": 200}
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
            *(
                "--data-dir",
                str(exchange.data_directory),
                "--config",
                str(exchange.config_file),
            ),
            *arguments,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,
    )


def behind(exchange: RunningExchange) -> int:
    """How many released events are not in Postgres."""
    status = exchange.status()
    return int(status["cursors"]["event_released"]) - counter(exchange, "store_next_event")


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
    roles = ("matcher", "journaler", "order_entry")
    traders = [Trader(exchange, number, 5) for number in range(1, TRADERS + 1)]
    for trader in traders:
        trader.start()
    try:
        commits_more(exchange)
        for victim in ("store", "postgres", "store", "postgres"):
            server, core = postgres_pid(exchange), [exchange.pid(role) for role in roles]
            os.kill(exchange.pid("store") if victim == "store" else server, signal.SIGKILL)
            wait_until(
                lambda server=server: postgres_pid(exchange) not in (0, server),  # type: ignore[misc]
                LIMIT_S,
                "another Postgres",
            )
            commits_more(exchange)
            assert [exchange.pid(role) for role in roles] == core
        for trader in traders:
            trader.finish()
        for trader in traders:
            trader.join(LIMIT_S)
    finally:
        for trader in traders:
            trader.give_up()
        for trader in traders:
            trader.join(LIMIT_S)
    exchange.kill()
    exchange.launch()
    exchange.wait_ready()
    wait_until(lambda: behind(exchange) == 0, CATCH_UP_S, "everything to be written")
    server = postgres_pid(exchange)
    assert exchange.stop() == ExitStatus.OK
    assert not os.path.exists(f"/proc/{server}"), "Postgres runs on after the exchange"
    # nothing runs: the server is started for the check, and ended
    checked = store(exchange, "check")
    assert checked.returncode == ExitStatus.OK, checked.stdout + checked.stderr
    assert "the database says what the archive says" in checked.stdout
    assert not postgres_pid(exchange)


def test_a_difference_is_told_and_put_right(make_exchange: Any) -> None:
    """The commands beside a running exchange."""
    exchange: RunningExchange = make_exchange(settings=SETTINGS).start()
    wait_until(lambda: counter(exchange, "store_next_event") > 100, LIMIT_S, "the first rows")
    with (
        running_server(exchange.data_directory) as conninfo,
        psycopg.connect(conninfo) as changed,
    ):
        changed.execute("UPDATE accounts SET balance = balance + 1 WHERE user_id = 3")
    checked = store(exchange, "check")
    assert checked.returncode == ExitStatus.BUG
    assert "accounts: user_id 3, currency 'USD': balance is" in checked.stdout
    rebuilt = store(exchange, "rebuild")
    assert rebuilt.returncode == ExitStatus.OK, rebuilt.stdout + rebuilt.stderr
    checked = store(exchange, "check")
    assert checked.returncode == ExitStatus.OK, checked.stdout + checked.stderr
    shown = store(exchange, "psql", "--", "-tAc", "SELECT count(*) FROM accounts")
    assert shown.returncode == 0 and int(shown.stdout) > 0, shown.stderr
    assert exchange.stop() == ExitStatus.OK
