"""The snapshotter is killed under load, while old segments are shipped and removed.

Trading goes on, what is left starts, and with what was shipped every command is there.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from typing import Any

import pytest
from exchange_process import RunningExchange, wait_until
from trading_load import Trader

from exchange.engine.state.snapshot import list_snapshots, read_snapshot
from exchange.errors import ExitStatus
from exchange.settings import ROOT

pytestmark = [pytest.mark.needs_jit, pytest.mark.timeout(1800)]

LIMIT_S = 300.0
KILLS = 4
SEED = int(os.environ.get("EXCHANGE_TEST_SEED", "20240229"))
SETTINGS = {
    "snapshot": {"enabled": True, "interval_s": 1, "commands": 2_000, "nice": 0},
    "journal": {"segment_bytes": 1 << 18, "batch": 2_048, "archive_segment_events": 4_096},
    "retention": {"check_s": 1, "journal_days": 0, "archive_days": 0},
    "archive": {"directory": "../shipped"},
}


def counter(exchange: RunningExchange, name: str) -> int:
    return int(exchange.status()["counters"][name])


def verify(exchange: RunningExchange) -> None:
    """Everything from the first command on, with what was shipped."""
    checked = subprocess.run(
        [
            *(sys.executable, "-m", "replay.cli", "verify", "--json"),
            *("--data-dir", str(exchange.data_directory)),
            *("--shipped", str(exchange.directory / "shipped")),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert json.loads(checked.stdout)["first_command"] == 0


def test_the_snapshotter_is_killed(make_exchange: Any) -> None:
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    exchange: RunningExchange = make_exchange(settings=SETTINGS).start()
    roles = ("daemon", "matcher", "journaler", "order_entry")
    core = [exchange.pid(role) for role in roles]
    traders = [Trader(exchange, number, 5) for number in range(1, 3)]
    for trader in traders:
        trader.start()
    try:
        for _ in range(KILLS):
            before = counter(exchange, "snapshot_sequence")
            wait_until(
                lambda before=before: counter(exchange, "snapshot_sequence") > before,  # type: ignore[misc]
                LIMIT_S,
                "a snapshot",
            )
            told = sum(len(trader.messages) for trader in traders) + chance.randrange(4_000)
            wait_until(
                lambda told=told: sum(len(t.messages) for t in traders) >= told,  # type: ignore[misc]
                LIMIT_S,
                "some more trading",
            )
            pid = exchange.pid("snapshotter")
            os.kill(pid, signal.SIGKILL)
            wait_until(
                lambda pid=pid: exchange.pid("snapshotter") not in (0, pid),  # type: ignore[misc]
                LIMIT_S,
                "another snapshotter",
            )
        assert [exchange.pid(role) for role in roles] == core
        for trader in traders:
            trader.finish()
        for trader in traders:
            trader.join(LIMIT_S)
            assert trader.error is None, trader.error
    finally:
        for trader in traders:
            trader.give_up()
        for trader in traders:
            trader.join(LIMIT_S)
    wait_until(
        lambda: bool(list((exchange.directory / "shipped").rglob("*.wal.zst"))),
        LIMIT_S,
        "a shipped segment of the journal",
    )
    status = exchange.status()["counters"]
    for name in ("snapshots_failed", "retention_failures", "shipping_failures"):
        assert status[name] == 0, exchange.log_tail()
    assert exchange.stop() == ExitStatus.OK
    found = list_snapshots(exchange.data_directory / "snapshots")
    assert len(found) in (2, 3), "older ones have gone"
    for _, path in found:
        read_snapshot(path)
    verify(exchange)
    # and the start uses one
    exchange.launch()
    exchange.wait_ready()
    assert counter(exchange, "recovery_snapshot_sequence") == found[-1][0]
