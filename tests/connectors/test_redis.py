"""Redis holds what the archive says, whatever is killed, emptied or taken away."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from document_examples import blocks
from exchange_process import RunningExchange, wait_until
from redis_server import NEEDS_REDIS, RedisServer
from trading_load import Trader

from exchange.errors import ExitStatus
from exchange.settings import ROOT, load_settings
from exchange.settings.sections import RedisSection

pytestmark = [pytest.mark.needs_jit, pytest.mark.timeout(1800), NEEDS_REDIS]

LIMIT_S = 180.0
TRADERS = 2
READER = "import sys\nfrom importlib.resources import files"


def settings(server: RedisServer, **keys: Any) -> dict[str, dict[str, Any]]:
    section = {
        "enabled": True,
        "url": server.url,
        "retry_maximum_ms": 200,
        "levels": 5,
        "trades": 200,
        "klines": 50,
        "timeout_ms": 60_000,
    }
    return {"redis": section | keys}


@contextmanager
def trading(exchange: RunningExchange, seed: int = 5) -> Iterator[None]:
    """Clients trade meanwhile; every one of their orders is answered in the end."""
    traders = [Trader(exchange, number, seed) for number in range(1, TRADERS + 1)]
    for trader in traders:
        trader.start()
    try:
        yield
        for trader in traders:
            trader.finish()
        for trader in traders:
            trader.join(LIMIT_S)
    finally:
        for trader in traders:
            trader.give_up()
        for trader in traders:
            trader.join(LIMIT_S)
    for trader in traders:
        trader.check()


def counter(exchange: RunningExchange, name: str) -> int:
    return int(exchange.status()["counters"][name])


def behind(exchange: RunningExchange) -> int:
    """How many released events are not in Redis."""
    status = exchange.status()
    released = int(status["cursors"]["event_released"])
    return released - int(status["counters"]["connect_redis_next_event"])


def wait_for_more(exchange: RunningExchange, events: int = 500) -> None:
    """Wait until Redis has some more events, written by whichever process."""
    before = counter(exchange, "connect_redis_next_event")
    wait_until(
        lambda: counter(exchange, "connect_redis_next_event") > before + events,
        LIMIT_S,
        "more events",
    )


def check(exchange: RunningExchange) -> subprocess.CompletedProcess[str]:
    """`exchange connect check redis`."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "exchange.cli", "connect", "check", "redis"),
            *("--data-dir", str(exchange.data_directory)),
            *("--config", str(exchange.config_file)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,
    )


def assert_equal_to_archive(exchange: RunningExchange) -> None:
    """Everything is there, and everything that is there is what the archive says."""
    wait_until(lambda: behind(exchange) == 0, LIMIT_S, "everything to be in Redis")
    checked = check(exchange)
    assert checked.returncode == ExitStatus.OK, checked.stdout + checked.stderr
    assert "redis says what the archive says" in checked.stdout


def run_the_example(server: RedisServer, client: Any) -> None:
    """The reader of docs/connectors.md, as it is there."""
    (example,) = [block for block in blocks("docs/connectors.md") if block.text.startswith(READER)]
    shown = subprocess.run(
        [sys.executable, "-c", example.text, server.url, "AAPL", "3"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert shown.returncode == 0, shown.stderr
    head, *lines = shown.stdout.splitlines()
    assert head.startswith("AAPL before event ")
    prices = [int(line.split()[0]) for line in lines if " at " not in line]
    assert prices == sorted(prices, reverse=True)
    assert [line.split()[0] for line in lines if " at " in line] == [
        entry for entry, _ in client.xrange("exchange:trades:AAPL")
    ]


def test_the_example_of_a_section_is_right() -> None:
    (block,) = [each for each in blocks("docs/connectors.md") if each.text.startswith("[redis]")]
    given = tomllib.loads(block.text)["redis"]
    shipped = msgspec.to_builtins(load_settings(None).redis)
    msgspec.convert(shipped | given, RedisSection)


def test_it_holds_what_the_archive_says(make_exchange: Any, tmp_path: Path) -> None:
    with RedisServer(tmp_path / "redis") as server:
        exchange: RunningExchange = make_exchange(settings=settings(server)).start()
        with trading(exchange):
            wait_for_more(exchange, 5_000)
            # while it is written, too
            checked = check(exchange)
            assert checked.returncode == ExitStatus.OK, checked.stdout + checked.stderr
        assert_equal_to_archive(exchange)
        client = server.client()
        run_the_example(server, client)
        assert client.smembers("exchange:symbols") >= {"AAPL", "AMZN", "MSFT"}
        assert client.xlen("exchange:trades:AAPL") == 200
        before = int(client.hget("exchange:sequence", "next_event"))
        client.hset("exchange:balances:3", "USD", "1:2")
        client.zadd("exchange:bids:AAPL", {"5": 5})
        client.set("exchange:of_nobody", "1")
        checked = check(exchange)
        assert checked.returncode == ExitStatus.DIFFERENT
        for told in (
            "exchange:balances:3: USD is 1:2, the archive says ",
            "exchange:bids:AAPL: 5 is 5, the archive says absent",
            "exchange:of_nobody: is there, and should not be",
        ):
            assert told in checked.stdout
        client.delete("exchange:sequence")  # so it is made anew
        wait_until(lambda: bool(client.exists("exchange:sequence")), LIMIT_S, "it to be made anew")
        assert_equal_to_archive(exchange)
        assert int(client.hget("exchange:sequence", "next_event")) >= before
        assert exchange.stop() == ExitStatus.OK
        assert not client.exists("exchange:lock")
