"""The store on a Postgres that is not ours: Debian's, as an ordinary user with a password.

What the exchange writes there must not need the rights that it has in its embedded server.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import psycopg
import pytest
from debian_postgres import NEEDS_POSTGRES, USER, DebianPostgres
from exchange_process import RunningExchange, wait_until
from trading_load import Trader

from exchange.errors import ExitStatus
from exchange.settings import ROOT

pytestmark = [pytest.mark.needs_jit, NEEDS_POSTGRES]

LIMIT_S = 300.0


def behind(exchange: RunningExchange) -> int:
    """How many released events are not in Postgres."""
    status = exchange.status()
    released = int(status["cursors"]["event_released"])
    return released - int(status["counters"]["store_next_event"])


def trade(exchange: RunningExchange, server: DebianPostgres) -> None:
    """Trade for a while; the server goes away at once and comes back meanwhile."""
    trader = Trader(exchange, 1, 5)
    trader.start()
    try:
        wait_until(lambda: len(trader.messages) > 500, LIMIT_S, "trading")
        server.restart()
        before = len(trader.messages)
        wait_until(lambda: len(trader.messages) > before + 500, LIMIT_S, "trading goes on")
        trader.finish()
        trader.join(LIMIT_S)
    finally:
        trader.give_up()
    assert trader.error is None


def test_the_store_works_on_another_server_as_an_ordinary_user(
    make_exchange: Any,
) -> None:
    with DebianPostgres() as server:
        settings = {"store": {"dsn": server.dsn, "retry_maximum_ms": 200}}
        exchange: RunningExchange = make_exchange(settings=settings).start()
        trade(exchange, server)
        wait_until(lambda: behind(exchange) == 0, LIMIT_S, "the store to have everything")
        checked = subprocess.run(
            [
                *(sys.executable, "-m", "exchange.cli", "store", "check"),
                *("--data-dir", str(exchange.data_directory)),
                *("--config", str(exchange.config_file)),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert checked.returncode == ExitStatus.OK, checked.stdout + checked.stderr
        assert "the database says what the archive says" in checked.stdout
        assert exchange.stop() == ExitStatus.OK
        with psycopg.connect(server.dsn) as connection:
            version = connection.info.server_version
            owner = connection.execute(
                "SELECT tableowner FROM pg_tables"
                " WHERE schemaname = 'exchange' AND tablename = 'trades'"
            ).fetchone()
            may = connection.execute(
                "SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = %s",
                [USER],
            ).fetchone()
        assert version >= 150_000
        assert owner == (USER,) and may == (False,)
