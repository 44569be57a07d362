"""Sizes of read models, rings and connections may change; what read models know does not get lost.

A checkpoint of another size had been passed over, and the archive read from its beginning: where
that had been removed, api and feed could not start again after a capacity had been enlarged.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from exchange.codes import EventKind
from exchange.errors import ExitStatus
from exchange.read_model.checkpoint import list_checkpoints
from exchange.recovery.archive_check import open_archive
from exchange.settings import ROOT
from journal.layout import ARCHIVE_SUFFIX
from journal.segment import list_segments
from tests.harness.exchange_process import PASSWORD, RunningExchange, wait_until, write_settings
from tests.harness.patient_client import PatientClient

pytestmark = pytest.mark.needs_jit

PATIENCE_S = 600.0
SMALL: dict[str, dict[str, Any]] = {
    "capacity": {"live_orders": 1_024, "accounts": 16, "instruments": 16, "positions": 64},
    "rings": {"commands": 4_096, "events": 8_192, "ingress_order_entry": 1_024},
    "matcher": {"batch": 512},
    "order_entry": {"connections": 16, "unauthenticated_connections": 8},
    "read_model": {
        "orders": 1_024,
        "fills": 1_024,
        "trades": 50,
        "klines": 10,
        "checkpoint_events": 1_024,
    },
    "journal": {"segment_bytes": 65_536, "batch": 512, "archive_segment_events": 1_024},
}
FACTORS = {"rings": 2, "journal": 2}  # powers of two
LARGE = {
    section: {key: value * FACTORS.get(section, 3) for key, value in keys.items()}
    for section, keys in SMALL.items()
}


def run(module: str, *words: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == ExitStatus.OK, done.stdout + done.stderr


def trade(exchange: RunningExchange, prefix: str, pairs: int) -> None:
    """Orders that trade with each other, and one that rests."""
    with PatientClient("127.0.0.1", exchange.port) as client:
        client.login("S1", PASSWORD, sequence=0)
        for number in range(pairs):
            client.enter(f"{prefix}B{number}", "B", 100, "AAPL", 1_000_000)
            client.enter(f"{prefix}S{number}", "S", 100, "AAPL", 1_000_000)
        client.enter(f"{prefix}R", "B", 100, "AAPL", 900_000)
        while client.receive().fields.get("token") != f"{prefix}R":
            pass


def public(exchange: RunningExchange, path: str) -> Any:
    with urllib.request.urlopen(f"{exchange.url}/api/v1/{path}", timeout=PATIENCE_S) as answer:
        return json.load(answer)["data"]


def all_trades(exchange: RunningExchange) -> Any:
    """The trades that the api keeps, once it has read the newest."""
    archive = open_archive(exchange.data_directory / "archive")
    events = archive.read(archive.oldest(), 1 << 40)
    newest = int(events["sequence"][events["kind"] == EventKind.TRADE][-1]) + 1

    def told() -> Any:
        return public(exchange, "trades/AAPL?limit=150")["trades"]

    wait_until(lambda: told()[0]["trade_id"] == newest, PATIENCE_S, "the api to read all events")
    return told()


def test_everything_becomes_larger_without_the_beginning_of_the_archive(tmp_path: Path) -> None:
    exchange = RunningExchange(tmp_path, settings=SMALL, sessions=4, web=True)
    data = ("--data-dir", exchange.data_directory)
    try:
        exchange.start()
        trade(exchange, "A", 600)
        run("exchange.cli", "day", "end", *data)
        run("exchange.cli", "day", "start", "--number", "21000104", *data)
        trade(exchange, "B", 20)
        events = open_archive(exchange.data_directory / "archive").read(0, 1 << 40)
        day = int(events["sequence"][events["kind"] == EventKind.DAY_STARTED][-1])
        trade(exchange, "C", 700)  # enough for a checkpoint
        model = exchange.data_directory / "read_model" / "api"

        def of_today() -> bool:
            return any(event > day for event, _ in list_checkpoints(model))

        wait_until(of_today, PATIENCE_S, "a checkpoint of the api")
        before = public(exchange, "trades/AAPL?limit=150")["trades"]
        run("replay.cli", "snapshot", "--now", *data)
        assert exchange.stop() == ExitStatus.OK
        archive = list_segments(exchange.data_directory / "archive", ARCHIVE_SUFFIX)
        for (_, path), (following, _) in itertools.pairwise(archive):
            if following <= day:
                path.unlink()
        assert open_archive(exchange.data_directory / "archive").oldest() > 0
        settings = tomllib.loads(exchange.config_file.read_text())
        for section, keys in LARGE.items():
            settings[section].update(keys)
        write_settings(exchange.config_file, settings)
        exchange.start()
        # what the smaller one kept, and nothing in the place of what it had dropped
        assert len(before) == 50
        assert all_trades(exchange) == before
        (best,) = public(exchange, "depth/AAPL?levels=5")["bids"]
        assert best[:2] == [900_000, 200], "of today"
        trade(exchange, "D", 100)
        after = all_trades(exchange)
        assert len(after) == 150 and after[100:] == before
        assert "is not used" not in exchange.log_file.read_text()
    finally:
        exchange.close()
