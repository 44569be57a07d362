"""`exchange demo` as a visitor meets it: keys, a market that moves, the documents' bot, an end.

The bots are the test of the client library as well: they trade over the process api's death.
README.md calls it as ``scripts/up --demo``, which only sets up the packages before.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from exchange_process import wait_until, write_settings

from exchange.client import ApiKey, OrderBook, RequestFailed, RestClient, Stream
from exchange.client.messages import (
    Connected,
    DepthDiff,
    DepthSnapshot,
    Disconnected,
    Kline,
    Trade,
)
from exchange.runtime.run_file import read_run_file
from exchange.settings import ROOT

pytestmark = pytest.mark.needs_jit

FOLDER = ROOT / "config" / "demo"
START_TIMEOUT_S = 1500.0  # the first start may compile everything
TIMEOUT_S = 180.0
KEY = re.compile(r"account (\d+)  key     (\w+)\n +secret  (\w+)")


class Demonstration:
    """The process, and what it printed."""

    def __init__(self, directory: Path) -> None:
        self.data_directory = directory / "data"
        self.config = directory / "exchange.toml"
        self.printed = directory / "printed.txt"
        settings: dict[str, Any] = tomllib.loads((FOLDER / "exchange.toml").read_text())
        for name in ("accounts", "instruments", "sessions"):
            settings["exchange"][f"{name}_file"] = str(FOLDER / f"{name}.toml")
        for section in ("order_entry", "api", "health", "metrics", "feed"):
            settings.setdefault(section, {})["port"] = 0
        settings["store"] = {"dsn": "off"}
        write_settings(self.config, settings)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until the keys are printed."""
        with self.printed.open("wb") as output:
            self.process = process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "exchange.cli", "demo", "--config", str(self.config)),
                    *("--data-dir", str(self.data_directory), "--seed", "7"),
                ],
                cwd=ROOT,
                stdout=output,
                stderr=output,
            )
        wait_until(
            lambda: "Ctrl-C stops" in self.text or process.poll() is not None,
            START_TIMEOUT_S,
            "the demonstration's keys",
        )
        assert process.poll() is None, self.text

    @property
    def text(self) -> str:
        return self.printed.read_text()

    @property
    def keys(self) -> dict[int, ApiKey]:
        return {int(account): ApiKey(*rest) for account, *rest in KEY.findall(self.text)}

    @property
    def url(self) -> str:
        found = re.search(r"Its page:  (http://[^/]+)/", self.text)
        assert found is not None
        return found.group(1)

    def pids(self) -> dict[str, int]:
        """Of the exchange and its stages."""
        state = read_run_file(self.data_directory)
        assert state is not None
        return {"daemon": state.pid} | {name: each.pid for name, each in state.stages.items()}

    def interrupt(self) -> int:
        """Ctrl-C, as a terminal sends it. Returns the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(TIMEOUT_S)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()  # the kernel then stops the exchange
            self.process.wait(TIMEOUT_S)
            wait_until(
                lambda: read_run_file(self.data_directory) is None, TIMEOUT_S, "the exchange to end"
            )


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def demonstration(tmp_path: Path) -> Iterator[Demonstration]:
    made = Demonstration(tmp_path)
    yield made
    made.close()


async def look_around(url: str) -> None:
    """Every instrument has a book; trades, candles and diffs come, and the book is as it says."""
    async with RestClient(url) as rest, Stream(url) as stream:
        symbols = [each.symbol for each in await rest.instruments()]
        assert len(symbols) == 10 and "2330.TW" in symbols
        await stream.subscribe("kline.AAPL.1m", "depth_diff.AAPL", *[f"trade.{s}" for s in symbols])
        book, seen = OrderBook("AAPL"), dict.fromkeys(("trade", "kline", "diff"), 0)
        async with asyncio.timeout(TIMEOUT_S):
            async for message in stream:
                if isinstance(message, Trade):
                    seen["trade"] += 1
                elif isinstance(message, Kline):
                    seen["kline"] += 1
                elif isinstance(message, DepthSnapshot | DepthDiff):
                    book.apply(message)  # raises when the checksum differs
                    seen["diff"] += isinstance(message, DepthDiff)
                if min(seen.values()) >= 3 and seen["diff"] >= 30:
                    break
        for symbol in symbols:
            depth = await rest.depth(symbol)
            assert len(depth.bids) >= 3 and len(depth.asks) >= 3, symbol
            assert depth.bids[0][0] < depth.asks[0][0]


async def live_through(demonstration: Demonstration) -> None:
    """The process api dies; bots and ours come back, and trades go on without a gap."""
    async with Stream(demonstration.url) as stream:
        await stream.subscribe("trade.AAPL", "trade.MSFT", "trade.NVDA")
        numbers: list[int] = []
        states: list[type] = []
        async with asyncio.timeout(TIMEOUT_S):
            async for message in stream:
                if isinstance(message, Trade):
                    numbers.append(message.trade_id)
                    if len(numbers) == 2:
                        os.kill(demonstration.pids()["api"], signal.SIGKILL)
                    if Connected in states and len(numbers) > 8:
                        break
                elif isinstance(message, Connected | Disconnected):
                    states.append(type(message))
        assert states == [Disconnected, Connected]
        assert len(numbers) == len(set(numbers))
    async with RestClient(demonstration.url) as rest:
        kept = set()
        for symbol in ("AAPL", "MSFT", "NVDA"):
            kept |= {each.trade_id for each in await rest.trades(symbol, limit=1000)}
        between = {n for n in kept if min(numbers) <= n <= max(numbers)}
        # what was missed came first after the reconnect: nothing between is left out
        assert between <= set(numbers)


async def use_keys(url: str, keys: dict[int, ApiKey]) -> None:
    assert sorted(keys) == [1001, 1002]
    for account, key in keys.items():
        async with RestClient(url, key) as rest:
            found = await rest.account()
            assert found.account == account and set(found.permissions) == {"read", "trade"}
            assert len(await rest.positions()) == 10
            with pytest.raises(RequestFailed, match="4001"):
                await rest.cancel(1)


def test_a_visit(demonstration: Demonstration) -> None:
    demonstration.start()
    asyncio.run(use_keys(demonstration.url, demonstration.keys))
    asyncio.run(look_around(demonstration.url))
    run_the_documents_bot(demonstration)
    asyncio.run(live_through(demonstration))
    hint = re.search(r"order (--port .*)$", demonstration.text, re.MULTILINE)
    assert hint is not None
    answer = subprocess.run(
        [sys.executable, "-m", "exchange.cli", "order", *hint.group(1).split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert "accepted" in answer.stdout and answer.returncode == 0, answer

    pids = demonstration.pids()
    assert demonstration.interrupt() == 0, demonstration.text
    assert not [name for name, pid in pids.items() if alive(pid)]
    assert "bot: " not in demonstration.text, "a bot was surprised"

    # the next visit has the same keys, and the books of the last one are empty
    keys = demonstration.keys
    demonstration.start()
    assert demonstration.keys == keys
    asyncio.run(use_keys(demonstration.url, keys))
    # killed, it takes the exchange with it
    daemon = demonstration.pids()["daemon"]
    assert demonstration.process is not None
    demonstration.process.kill()
    demonstration.process.wait(TIMEOUT_S)
    wait_until(lambda: not alive(daemon), TIMEOUT_S, "the exchange to stop")


def run_the_documents_bot(demonstration: Demonstration) -> None:
    """The bot of docs/client.md, as it stands there."""
    text = (ROOT / "docs" / "client.md").read_text()
    code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 35
    key = demonstration.keys[1002]
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ
        | {
            "EXCHANGE_URL": demonstration.url,
            "EXCHANGE_KEY": key.id,
            "EXCHANGE_SECRET": key.secret,
        },
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert any(line.startswith("accepted new") for line in lines), lines
    assert lines[-1].startswith("filled "), lines
