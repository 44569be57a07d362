"""connect_callback and the service that it calls, killed under load: every match comes once."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from callback_service import lines_of
from exchange_process import RunningExchange, wait_until
from grpc_client import free_port
from trading_load import Trader

from exchange.codes import EventKind
from exchange.recovery.archive_check import open_archive
from exchange.runtime.data_directory import archive_directory
from exchange.settings import ROOT

pytestmark = [pytest.mark.needs_jit, pytest.mark.timeout(1800)]

LIMIT_S = 180.0
KILLS = 20
SERVICE = ROOT / "tests" / "harness" / "callback_service.py"


class Service:
    """The service as a process, on one port and one file."""

    def __init__(self, file: Path) -> None:
        self.port = free_port()
        self.file = file
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        path = os.pathsep.join([str(ROOT), str(SERVICE.parent)])
        self._process = subprocess.Popen(
            [sys.executable, str(SERVICE), str(self.port), str(self.file)],
            env=os.environ | {"PYTHONPATH": path},
        )

    def size(self) -> int:
        """Bytes that it holds."""
        return self.file.stat().st_size if self.file.exists() else 0

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def trades_of(exchange: RunningExchange) -> list[list[Any]]:
    """The sequences of the archive's trades, with price and quantity."""
    archive = open_archive(archive_directory(exchange.data_directory))
    found: list[list[Any]] = []
    at = 0
    while len(events := archive.view(at, 65_536)):
        trades = events[events["kind"] == EventKind.TRADE]
        columns = [trades[name].tolist() for name in ("sequence", "price", "quantity")]
        found += [list(row) for row in zip(*columns, strict=True)]
        at += len(events)
    return found


def test_every_match_comes_once_whatever_is_killed(tmp_path: Path) -> None:
    service = Service(tmp_path / "matches")
    settings = {
        "callback": {
            "enabled": True,
            "target": f"127.0.0.1:{service.port}",
            "plaintext": True,
            "retry_maximum_ms": 200,
            "batch_events": 256,
        },
        "supervision": {"retry_maximum_ms": 200},  # what is killed often starts at once
    }
    exchange = RunningExchange(tmp_path, settings=settings)
    dice = random.Random(45)
    try:
        service.start()
        exchange.start()
        traders = [Trader(exchange, number, 45) for number in (1, 2)]
        for trader in traders:
            trader.start()
        try:
            for kill in range(KILLS):
                wanted = service.size() + dice.randrange(1, 20_000)
                wait_until(lambda wanted=wanted: service.size() > wanted, LIMIT_S, "more batches")  # type: ignore[misc]
                if kill % 2:
                    os.kill(exchange.pid("connect_callback"), signal.SIGKILL)
                else:
                    service.kill()
                    service.start()
            for trader in traders:
                trader.finish()
        finally:
            for trader in traders:
                trader.join(LIMIT_S)
                trader.give_up()
        for trader in traders:
            # after so many orders an account may have no more stock: then some are refused
            assert trader.error is None and not trader.unanswered

        def behind() -> bool:
            released = int(exchange.status()["cursors"]["event_released"])
            lines = lines_of(service.file)
            return not lines or lines[-1]["next"] < released

        wait_until(lambda: not behind(), LIMIT_S, "the service to have everything")
        lines = lines_of(service.file)
        # each batch begins where the one before it ends, and the matches are those of the archive
        assert lines[0]["first"] == 0
        assert all(one["next"] == other["first"] for one, other in itertools.pairwise(lines))
        matches = [match for line in lines for match in line["matches"]]
        assert [[each[0], each[4], each[5]] for each in matches] == trades_of(exchange)
        assert len(matches) > 100
    finally:
        service.kill()
        exchange.close()
