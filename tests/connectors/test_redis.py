"""Redis holds what the archive says, whatever is killed, emptied or taken away."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from document_examples import blocks
from exchange_process import RunningExchange, wait_until
from memory_redis_server import SinkWorld
from memory_sink import RunningConnector
from redis_server import NEEDS_REDIS, RedisServer, free_port
from store_world import MemoryArchive, random_events, write_archive
from trading_load import SYMBOLS, Trader

from exchange.connect.redis.commands import pack
from exchange.connect.redis.server import Position, Server, Touched
from exchange.connect.redis.sink import RedisSink
from exchange.connect.sink import SinkRefused
from exchange.core.counters import CONNECTOR_STATES
from exchange.errors import ExitStatus
from exchange.read_model.market.model import MarketModel
from exchange.recovery.archive_check import open_archive
from exchange.runtime.data_directory import archive_directory
from exchange.settings import ROOT, load_settings
from exchange.settings.sections import RedisSection

pytestmark = [pytest.mark.needs_jit, pytest.mark.timeout(1800), NEEDS_REDIS]

LIMIT_S = 180.0
TRADERS = 2
KILLS = 20
LEVELS = 5
BOOK = (ROOT / "exchange" / "connect" / "redis" / "book.lua").read_text()
READER = "import sys\nfrom importlib.resources import files"


def settings(server: RedisServer, **keys: Any) -> dict[str, dict[str, Any]]:
    section = {
        "enabled": True,
        "url": server.url,
        "retry_maximum_ms": 200,
        "levels": LEVELS,
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


# --- kills ----------------------------------------------------------------------------------------


class Reader(threading.Thread):
    """Reads books by the script for as long as it is not ended; whatever it sees must be a book.

    ``samples``: some of the answers, by symbol and ``next_event``.
    """

    def __init__(self, server: RedisServer, seed: int) -> None:
        super().__init__(name="reader", daemon=True)
        self._server = server
        self._random = random.Random(seed)
        self.end = threading.Event()
        self.samples: dict[tuple[str, int], Any] = {}
        self.reads = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        import redis

        client = self._server.client(retry=None)
        try:
            while not self.end.is_set():
                try:
                    self._read(client)
                except (redis.ConnectionError, redis.TimeoutError):
                    time.sleep(0.01)  # killed under us
        except BaseException as error:
            self.error = error

    def _read(self, client: Any) -> None:
        symbol = self._random.choice(SYMBOLS)
        book = client.eval_ro(BOOK, 0, "exchange", symbol, LEVELS)
        if book is None:
            return
        next_event, bids, asks = int(book[0]), *book[1:]
        best = [[int(price) for price, _, _ in side] for side in (bids, asks)]
        assert best[0] == sorted(best[0], reverse=True) and best[1] == sorted(best[1])
        if bids and asks:
            assert best[0][0] < best[1][0], f"{symbol} before {next_event}: crossed"
        self.reads += 1
        if self._random.random() < 0.02:
            self.samples[symbol, next_event] = [bids, asks]

    def finish(self) -> None:
        self.end.set()
        self.join(LIMIT_S)
        assert self.error is None, self.error


def assert_samples(exchange: RunningExchange, samples: dict[tuple[str, int], Any]) -> None:
    """Each of the books is what the archive says at its event."""
    archive = open_archive(archive_directory(exchange.data_directory))
    market = MarketModel(1024, track_changes=False)
    for symbol, next_event in sorted(samples, key=lambda each: each[1]):
        while market.next_event < next_event:
            market.apply(archive.view(market.next_event, next_event - market.next_event).copy())
        depth = market.depth(market.by_symbol[symbol], LEVELS)
        found = [[tuple(map(int, row)) for row in side] for side in samples[symbol, next_event]]
        assert found == [depth.bids, depth.asks], f"{symbol} before {next_event}"


@pytest.mark.parametrize("fsync", ["always"])
def test_server_and_connector_are_killed(make_exchange: Any, tmp_path: Path, fsync: str) -> None:
    """Twenty times, at seeded moments, while clients trade and others read."""
    numbers = random.Random(13)
    with RedisServer(tmp_path / "redis", fsync=fsync) as server:
        exchange: RunningExchange = make_exchange(
            settings=settings(server) | {"supervision": {"retry_maximum_ms": 200}}
        ).start()
        core = {role: exchange.pid(role) for role in ("matcher", "journaler", "order_entry")}
        reader = Reader(server, 13)
        reader.start()
        try:
            with trading(exchange):
                for _ in range(KILLS):
                    wait_for_more(exchange, numbers.randrange(1, 3_000))
                    if numbers.random() < 0.5:
                        os.kill(exchange.pid("connect_redis"), signal.SIGKILL)
                    else:
                        server.kill()
                        server.start()
                assert {role: exchange.pid(role) for role in core} == core
        finally:
            reader.finish()
        assert_equal_to_archive(exchange)
        assert reader.reads > 100 and len(reader.samples) > 10
        assert_samples(exchange, reader.samples)
        assert exchange.stop() == ExitStatus.OK


# --- outages --------------------------------------------------------------------------------------


def lines(exchange: RunningExchange, text: str) -> int:
    """How many lines of the log have this text."""
    return exchange.log_file.read_text(errors="replace").count(text)


def state(exchange: RunningExchange) -> str:
    return CONNECTOR_STATES[counter(exchange, "connect_redis_state")]


@contextmanager
def outage(exchange: RunningExchange, text: str) -> Iterator[None]:
    """Meanwhile Redis is away, which is said once, with ``text``; trading goes on."""
    away, texts = lines(exchange, "Redis is away"), lines(exchange, text)
    back = lines(exchange, "Redis is back")
    yield
    wait_until(lambda: lines(exchange, text) > texts, LIMIT_S, text)
    retries = counter(exchange, "connect_redis_retries")
    wait_until(lambda: counter(exchange, "connect_redis_retries") > retries + 1, LIMIT_S, "retries")
    released = int(exchange.status()["cursors"]["event_released"])
    before = counter(exchange, "connect_redis_next_event")
    wait_until(
        lambda: int(exchange.status()["cursors"]["event_released"]) > released + 1_000,
        LIMIT_S,
        "trading to go on",
    )
    assert counter(exchange, "connect_redis_next_event") == before
    assert lines(exchange, "Redis is away") == away + 1
    assert lines(exchange, text) == texts + 1
    assert lines(exchange, "Redis is back") == back


def ended(exchange: RunningExchange) -> None:
    """Wait until Redis is back and goes on."""
    wait_until(lambda: state(exchange) in ("following", "catching up"), LIMIT_S, "it to be back")
    wait_for_more(exchange)


def test_outages_are_told_once_and_nothing_is_missing(make_exchange: Any, tmp_path: Path) -> None:
    with RedisServer(tmp_path / "redis", fsync="everysec") as server:
        exchange: RunningExchange = make_exchange(
            settings=settings(server, timeout_ms=1_000, lock_ms=600_000)
        ).start()
        client = server.client()
        with trading(exchange):
            wait_for_more(exchange)
            client.flushall()
            wait_until(lambda: bool(client.exists("exchange:sequence")), LIMIT_S, "a new state")
            ended(exchange)
            with outage(exchange, "Timeout reading"):
                server.pause()
            server.go_on()
            ended(exchange)
            with outage(exchange, "Redis is full, raise maxmemory"):
                client.config_set("maxmemory", 1_000_000)
            client.config_set("maxmemory", 0)
            ended(exchange)
            with outage(exchange, "MISCONF Errors writing to the AOF file"):
                server.limit_files(100)
            server.limit_files(None)
            ended(exchange)
            with outage(exchange, "what the connector had written was touched"):
                client.set("exchange:lock", "somebody elsewhere 1")
                frozen = client.hgetall("exchange:sequence")
            assert client.hgetall("exchange:sequence") == frozen
            client.delete("exchange:lock")
            ended(exchange)
        assert_equal_to_archive(exchange)
        assert exchange.stop() == ExitStatus.OK


def test_a_wrong_password_is_told_once(make_exchange: Any, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("wrong\n")
    with RedisServer(tmp_path / "redis", "--requirepass", "right") as server:
        exchange: RunningExchange = make_exchange(
            settings=settings(server, password_file=str(secret))
        ).start()
        wait_until(lambda: state(exchange) == "refused", LIMIT_S, "the refusal")
        told = "nothing is written to Redis: Redis refuses: "
        wait_until(lambda: lines(exchange, told) == 1, LIMIT_S, told)
        checked = check(exchange)
        assert checked.returncode == ExitStatus.REFUSED
        assert "Redis refuses: " in checked.stderr
        secret.write_text("right\n")
        os.kill(exchange.pid("connect_redis"), signal.SIGKILL)  # it would look in 30 s
        wait_until(lambda: state(exchange) == "following", LIMIT_S, "the right password")
        assert_equal_to_archive(exchange)
        assert lines(exchange, told) == 1
        assert exchange.stop() == ExitStatus.OK


# --- ways in --------------------------------------------------------------------------------------

# what docs/connectors.md says that the connector's user needs
RIGHTS = ["~exchange:*", "+@read", "+@write", "+@transaction", "+@connection", "+info", "+scan"]


def certificate(folder: Path) -> list[str]:
    """A certificate of 127.0.0.1 that signs itself; the server's options for it."""
    folder.mkdir(parents=True)
    key, public = folder / "redis.key", folder / "redis.crt"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", public),
        ],
        check=True,
        capture_output=True,
    )
    return [
        *("--tls-cert-file", str(public), "--tls-key-file", str(key)),
        *("--tls-ca-cert-file", str(public), "--tls-auth-clients", "yes"),
    ]


def test_tls_a_certificate_and_a_user_with_few_rights(tmp_path: Path) -> None:
    """And a certificate that nobody we know has signed is refused, not retried."""
    events, port, keys = random_events(1, 1_000), free_port(), tmp_path / "keys"
    (tmp_path / "data").mkdir()
    write_archive(tmp_path / "data", events)
    options = [*certificate(keys), "--tls-port", str(port), "--user", "writer", "on", ">secret"]
    secret = tmp_path / "password"
    secret.write_text("secret")
    shipped = load_settings(None)
    section = msgspec.structs.replace(
        shipped.redis,
        url=f"rediss://127.0.0.1:{port}",
        username="writer",
        password_file=str(secret),
        ca_file=str(keys / "redis.crt"),
        certificate_file=str(keys / "redis.crt"),
        key_file=str(keys / "redis.key"),
    )
    archive = MemoryArchive(events, 500)

    def sink(section: RedisSection) -> RedisSink:
        own = msgspec.structs.replace(shipped, redis=section)
        return RedisSink(SinkWorld(archive, tmp_path / "data", own))

    with RedisServer(tmp_path / "redis", *options, *RIGHTS) as server:
        client = server.client()

        def reached(next_event: int) -> bool:
            return client.hget("exchange:sequence", "next_event") == str(next_event)

        with RunningConnector(archive, sink(section), batch_events=64):
            wait_until(lambda: reached(500), LIMIT_S, "the state")
            client.delete("exchange:sequence")
            archive.release(len(events))
            wait_until(lambda: reached(len(events)), LIMIT_S, "everything")
        assert archive.progress[-1].retries == 1  # the position had been taken away
        with pytest.raises(SinkRefused, match="certificate is not accepted"):
            sink(msgspec.structs.replace(section, ca_file="")).open()
        secret.write_text("other")
        with pytest.raises(SinkRefused, match="Redis refuses"):
            sink(section).open()


def test_two_instances_and_the_lock(tmp_path: Path) -> None:
    """Whoever has lost the lock writes nothing, and finds it again only if nobody else wrote."""
    section = msgspec.structs.replace(load_settings(None).redis, lock_ms=5_000)
    with RedisServer(tmp_path / "redis") as running:
        section = msgspec.structs.replace(section, url=running.url)
        client = running.client()
        first = Server(section, "x", "first")
        assert first.take_lock() == b"" and first.watch() is None
        second = Server(section, "x", "second")
        assert second.take_lock().startswith(b"first ")
        position = Position(5, "identity", "shape", 7)
        assert first.transact([pack(("SET", "x:a", "1"))], position) == []
        # a lock that has run out, and a late transaction
        client.delete("x:lock")
        with pytest.raises(Touched):
            first.transact([pack(("SET", "x:a", "2"))], position._replace(next_event=6))
        assert client.get("x:a") == "1" and client.hget("x:sequence", "next_event") == "5"
        first.close()
        first = Server(section, "x", "first")
        assert first.take_lock() == b"" and first.watch() == position
        # the same data directory again: its predecessor is dead, and has been fenced off
        again = Server(section, "x", "first")
        assert again.take_lock() == b"" and again.watch() == position
        with pytest.raises(Touched):
            first.transact([], position)
        # after a long sleep the lock is taken anew, as nobody has written meanwhile
        again._armed_at_s -= 1_000
        client.delete("x:lock")
        assert again.transact([], position) == []
        again._armed_at_s -= 1_000
        client.delete("x:lock")
        assert second.take_lock() == b""
        with pytest.raises(Touched, match="another instance has taken the lock"):
            again.transact([], position)
        for each in (first, again, second):
            each.close()
