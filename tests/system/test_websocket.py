"""The WebSocket of a running exchange: private reports, order entry, restarts, bad clients.

One exchange for all tests of this file, with two feed workers; each test uses an instrument or an
account of its own.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from exchange_process import PASSWORD, RunningExchange, wait_until
from patient_client import PatientClient
from websocket_client import Client

from exchange.access.signature import signed_websocket

pytestmark = pytest.mark.needs_jit

READY_TIMEOUT_S = 120.0
TEST_TIMEOUT_S = 300.0  # of a machine that does much else


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExchange]:
    directory: Path = tmp_path_factory.mktemp("websocket")
    running = RunningExchange(
        directory,
        web=True,
        settings={
            "risk": {"taker_fee_basis_points": 1},
            "feed": {"workers": 2, "conflate_bytes": 65_536, "stall_timeout_ms": 300},
            "api": {
                "requests_per_second_per_ip": 100_000,
                "requests_per_second_per_key": 100_000,
                "burst": 100_000,
            },
        },
    )
    running.start()
    yield running
    running.close()


@pytest.fixture(scope="module")
def make_key(exchange: RunningExchange) -> Callable[[int], dict[str, Any]]:
    keys: dict[int, dict[str, Any]] = {}

    def make(account: int) -> dict[str, Any]:
        if account not in keys:
            keys[account] = exchange.admin("key", "make", str(account))
        return keys[account]

    return make


class Session:
    """Sockets of one test, closed at its end."""

    def __init__(self, exchange: RunningExchange, session: aiohttp.ClientSession) -> None:
        self.exchange = exchange
        self._session = session

    async def connect(self, name: str = "api", **options: Any) -> Client:
        url = f"http://{self.exchange.address(name)}/ws"
        return Client(await self._session.ws_connect(url, **options))

    async def sign_in(self, key: dict[str, Any]) -> Client:
        client = await self.connect()
        await client.send(**signed_websocket(key["id"], key["secret"]))
        answer = await client.receive()
        assert answer["type"] == "authenticated", answer
        assert answer["account"] == key["account"]
        return client


def run(exchange: RunningExchange, test: Callable[[Session], Awaitable[None]]) -> None:
    @asynccontextmanager
    async def opened() -> Any:
        async with aiohttp.ClientSession() as session:
            yield Session(exchange, session)

    async def main() -> None:
        async with opened() as session:
            await asyncio.wait_for(test(session), TEST_TIMEOUT_S)

    asyncio.run(main())


async def snapshot(client: Client) -> dict[str, Any]:
    """Subscribe to orders; the open orders, balances and positions that come first."""
    await client.send(action="subscribe", channels=["orders"])
    assert (await client.receive())["type"] == "subscribed"
    found: dict[str, Any] = {"orders": [], "balances": {}, "positions": {}}
    while True:
        message = await client.receive()
        assert message["type"] == "orders_snapshot"
        found["orders"] += message["orders"]
        if message["last"]:
            break
    for _ in range(2):
        balance = await client.receive()
        assert balance["type"] == "balance"
        found["balances"][balance["currency"]] = balance
    for _ in range(5):
        position = await client.receive()
        assert position["type"] == "position"
        found["positions"][position["symbol"]] = position
    return found


def test_two_clients_trade_over_their_sockets(exchange, make_key):
    async def test(session: Session) -> None:
        seller, buyer = await session.sign_in(make_key(1)), await session.sign_in(make_key(2))
        public = await session.connect("feed")
        await public.subscribe("trade.MSFT")
        before = await snapshot(buyer)
        assert before["orders"] == []
        await snapshot(seller)
        await seller.send(
            action="order", symbol="MSFT", side="sell", quantity=100, price=4_000_000,
            client_order_id="sell-1", request_id="r1",
        )  # fmt: skip
        received = await seller.receive()
        assert received == {
            "type": "received",
            "action": "order",
            "status": "received",
            "client_order_id": "sell-1",
            "request_id": "r1",
        }
        accepted = await seller.receive()
        assert accepted["event"] == "accepted"
        assert accepted["order"]["client_order_id"] == "sell-1"
        assert accepted["order"]["status"] == "new"
        frozen = await seller.receive()
        assert frozen["type"] == "position" and frozen["frozen_quantity"] == 100
        await buyer.send(action="order", symbol="MSFT", side="buy", quantity=150, price=4_000_000)
        assert (await buyer.receive())["type"] == "received"
        reports = [await buyer.receive_type("execution_report") for _ in range(2)]
        assert [r["event"] for r in reports] == ["accepted", "filled"]
        assert [r["order"]["status"] for r in reports] == ["new", "partial_filled"]
        assert [r["order"]["remaining_quantity"] for r in reports] == [150, 50]
        fill = reports[1]
        assert (fill["last_price"], fill["last_quantity"]) == (4_000_000, 100)
        assert fill["liquidity"] == "taker" and fill["fee"] > 0
        balance = await buyer.receive_type("balance")
        value = 100 * 4_000_000
        had = before["balances"]["USD"]["balance"]
        assert balance["balance"] == had - value - fill["fee"]
        assert balance["frozen_balance"] > 0
        position = await buyer.receive_type("position")
        assert position["quantity"] == before["positions"]["MSFT"]["quantity"] + 100
        filled = await seller.receive_type("execution_report")
        assert filled["event"] == "filled" and filled["liquidity"] == "maker"
        assert filled["order"]["status"] == "filled"
        trade = await public.receive()
        assert trade["trade_id"] == fill["match_number"] == filled["match_number"]
        assert trade["side"] == "buy"
        # amend and cancel what is left
        order_id = fill["order"]["order_id"]
        await buyer.send(action="amend", order_id=order_id, quantity=120)
        assert (await buyer.receive_type("received"))["order_id"] == order_id
        lowered = await buyer.receive_type("execution_report")
        assert lowered["event"] == "cancelled"
        assert lowered["order"]["remaining_quantity"] == 20
        await buyer.send(action="amend", order_id=order_id, price=3_999_900)
        replaced = await buyer.receive_type("execution_report")
        assert replaced["event"] == "replaced" and replaced["order"]["replaces"] == order_id
        await buyer.send(action="mass_cancel", symbol="MSFT")
        cancelled = await buyer.receive_type("execution_report")
        assert cancelled["event"] == "cancelled"
        assert cancelled["order"]["cancel_reason"] == "user"
        # and it is gone: an error that names the request
        await buyer.send(action="cancel", order_id=order_id, request_id="too late")
        error = await buyer.receive_type("error")
        assert error["code"] == 4003 and error["request_id"] == "too late"

    run(exchange, test)


def test_orders_of_a_tcp_session_are_reported_and_can_be_cancelled(exchange, make_key):
    async def test(session: Session) -> None:
        client, stranger = await session.sign_in(make_key(3)), await session.sign_in(make_key(4))
        await snapshot(client)
        await snapshot(stranger)
        loop = asyncio.get_running_loop()
        with PatientClient("127.0.0.1", exchange.port) as tcp:
            await loop.run_in_executor(None, lambda: tcp.login("S3", PASSWORD))
            tcp.enter("T1", "B", 10, "GOOG", 1_000_000)
            report = await client.receive_type("execution_report")
            assert report["event"] == "accepted"
            assert report["order"]["client_order_id"] == "T1"
            await client.send(action="cancel", order_id=report["order"]["order_id"])
            report = await client.receive_type("execution_report")
            assert report["event"] == "cancelled"
        # nothing of it reached the other account
        await stranger.send(action="ping")
        assert (await stranger.receive())["type"] == "pong"
        # another account's order does not exist
        await stranger.send(action="cancel", order_id=report["order"]["order_id"])
        assert (await stranger.receive_type("error"))["code"] == 4001

    run(exchange, test)


def test_a_rejected_order_is_reported(exchange, make_key):
    async def test(session: Session) -> None:
        client = await session.sign_in(make_key(5))
        await snapshot(client)
        await client.send(action="order", symbol="AAPL", side="buy", quantity=100, price=1)
        assert (await client.receive())["type"] == "received"
        report = await client.receive()
        assert report["event"] == "rejected"
        assert report["reject_code"] > 10_000
        assert report["order"]["status"] == "rejected"
        for wrong, code in (
            ({"symbol": "NOPE", "side": "buy", "quantity": 1, "price": 1}, 4002),
            ({"symbol": "AAPL", "side": "up", "quantity": 1, "price": 1}, 1002),
            ({"symbol": "AAPL", "side": "buy", "quantity": "1", "price": 1}, 1002),
            ({"symbol": "AAPL", "side": "buy", "quantity": 1}, 1002),
            ({"symbol": "AAPL", "side": "buy", "quantity": 1.5, "price": 1}, 1002),
            ({"symbol": "AAPL", "side": "buy", "quantity": 1, "price": 1, "nonsense": 1}, 1002),
        ):
            await client.send(action="order", request_id="r", **wrong)
            error = await client.receive()
            assert (error["type"], error["code"], error["request_id"]) == ("error", code, "r")

    run(exchange, test)


def test_nothing_private_without_a_key(exchange, make_key):
    async def test(session: Session) -> None:
        client = await session.connect()
        await client.send(action="subscribe", channels=["orders", "trade.AAPL"])
        answers = await client.receive_all(2)
        assert (answers[0]["code"], answers[0]["channel"]) == (2001, "orders")
        assert answers[1]["type"] == "subscribed"
        await client.send(action="cancel", order_id=1)
        assert (await client.receive())["code"] == 2001
        key = make_key(6)
        message = signed_websocket(key["id"], key["secret"])
        await client.send(**message | {"signature": "0" * 64})
        assert (await client.receive())["code"] == 2003
        await client.send(**message | {"key": "A" * 20})
        assert (await client.receive())["code"] == 2002
        await client.send(**message)
        assert (await client.receive())["type"] == "authenticated"
        # the nonce is used; and this socket is signed in already
        await (again := await session.connect()).send(**message)
        assert (await again.receive())["code"] == 2005
        await client.send(**signed_websocket(key["id"], key["secret"]))
        assert (await client.receive())["code"] == 1002
        worker = await session.connect("feed")
        await worker.send(**signed_websocket(key["id"], key["secret"]))
        assert (await worker.receive())["code"] == 2006

    run(exchange, test)


def test_a_revoked_key_loses_its_socket(exchange):
    async def test(session: Session) -> None:
        key = exchange.admin("key", "make", "7")
        client = await session.sign_in(key)
        await snapshot(client)
        await asyncio.get_running_loop().run_in_executor(
            None, lambda: exchange.admin("key", "revoke", key["id"])
        )
        error = await client.receive_type("error")
        assert error["code"] == 2002
        assert (await client.receive_close())[0] == 4002

    run(exchange, test)


@pytest.mark.parametrize("name", ["api", "feed"])
# long: one story over the death of a stage, for either kind of stage
def test_a_restart_loses_nobody_a_trade(exchange, make_key, name):
    """kill -9 of the processes that serve the sockets, while there is trading."""
    symbol = {"api": "AMZN", "feed": "GOOG"}[name]
    account = {"api": 8, "feed": 9}[name]
    stages = {"api": ["api"], "feed": ["feed_1", "feed_2"]}[name]
    pids = {stage: exchange.pid(stage) for stage in stages}

    def restarted() -> bool:
        state = exchange.state()
        found = {} if state is None else state.stages
        return all(
            stage in found and found[stage].pid != pid and found[stage].ready
            for stage, pid in pids.items()
        )

    async def trade(tcp: PatientClient, number: int) -> None:
        tcp.enter(f"B{name}{number}", "B", 1, symbol, 1_000_000 + 100 * number)
        tcp.enter(f"S{name}{number}", "S", 1, symbol, 1_000_000 + 100 * number)

    async def test(session: Session) -> None:
        key = make_key(account)
        private = await session.sign_in(key) if name == "api" else None
        client = await session.connect(name)
        await client.subscribe(f"trade.{symbol}")
        if private is not None:
            await snapshot(private)
        loop = asyncio.get_running_loop()
        with PatientClient("127.0.0.1", exchange.port) as tcp:
            await loop.run_in_executor(None, lambda: tcp.login(f"S{account}", PASSWORD))
            for number in range(10):
                await trade(tcp, number)
            seen = [await client.receive() for _ in range(10)]
            reports = []
            if private is not None:
                while len(reports) < 40:  # 2 accepted, 2 filled for each trade
                    reports.append(await private.receive_type("execution_report"))
            for pid in pids.values():
                os.kill(pid, signal.SIGKILL)
            for number in range(10, 20):
                await trade(tcp, number)
            beaten_s = time.monotonic()

            def restarted_meanwhile() -> bool:
                nonlocal beaten_s
                if time.monotonic() - beaten_s > 1.0:
                    # a TCP client that says nothing for long is cut off
                    beaten_s = time.monotonic()
                    tcp.heartbeat()
                return restarted()

            await loop.run_in_executor(
                None,
                lambda: wait_until(restarted_meanwhile, READY_TIMEOUT_S, "the stage's restart"),
            )
            client = await session.connect(name)
            await client.subscribe(f"trade.{symbol}", since=seen[-1]["sequence"])
            for number in range(20, 25):
                await trade(tcp, number)
            seen += [await client.receive() for _ in range(15)]
            assert [t["price"] for t in seen] == [1_000_000 + 100 * n for n in range(25)]
            if private is not None:
                private = await session.sign_in(key)
                await private.send(
                    action="subscribe", channels=["orders"], since=reports[-1]["sequence"]
                )
                while len(reports) < 100:
                    reports.append(await private.receive_type("execution_report"))
                assert [r["event"] for r in reports] == [
                    "accepted",
                    "accepted",
                    *["filled"] * 2,
                ] * 25
                sequences = [r["sequence"] for r in reports]
                assert sequences == sorted(sequences)

    run(exchange, test)


def test_a_client_that_does_not_read_is_dropped_and_the_others_get_everything(exchange):
    """Trades of 2330.TW come in thousands; one of three subscribers stops reading."""

    async def test(session: Session) -> None:
        readers = [await session.connect("feed") for _ in range(2)]
        for reader in readers:
            await reader.subscribe("trade.2330.TW")
        # a raw socket that says what a WebSocket says, and then never reads
        host, _, port = exchange.address("feed").partition(":")
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect((host, int(port)))
        sock.sendall(
            b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        text = b'{"action":"subscribe","channels":["trade.2330.TW","depth_diff.2330.TW"]}'
        sock.sendall(bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text)
        loop = asyncio.get_running_loop()
        counted = [0, 0]

        async def count(i: int) -> None:
            while True:
                message = await readers[i].receive()
                assert message["type"] == "trade"
                counted[i] += 1

        counting = [asyncio.create_task(count(i)) for i in range(2)]

        def dropped() -> int:
            counters = exchange.status()["counters"]
            return sum(int(counters[f"feed_{n}_subscribers_dropped"]) for n in (1, 2))

        trades = 0
        with PatientClient("127.0.0.1", exchange.port) as tcp:
            await loop.run_in_executor(None, lambda: tcp.login("S10", PASSWORD))
            while not dropped():
                for _ in range(500):
                    tcp.enter(f"b{trades}", "B", 1000, "2330.TW", 6_000_000)
                    tcp.enter(f"s{trades}", "S", 1000, "2330.TW", 6_000_000)
                    trades += 1
                while min(counted) < trades:
                    await asyncio.sleep(0)
                    for each in counting:
                        assert not each.done(), each.exception()
        for each in counting:
            each.cancel()
        assert counted == [trades, trades]
        sock.close()

    run(exchange, test)


def test_wrong_origin(exchange):
    async def test(session: Session) -> None:
        for name in ("api", "feed"):
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await session.connect(name, origin="https://evil.example")
            assert caught.value.status == 403

    run(exchange, test)


def test_the_document_is_served(exchange):
    """The api describes everything, a feed worker only what it serves."""

    async def test(session: Session) -> None:
        for name, private in (("api", True), ("feed", False)):
            async with aiohttp.ClientSession() as http:
                address = exchange.address(name)
                async with http.get(f"http://{address}/asyncapi.json") as answer:
                    assert answer.status == 200
                    document = await answer.json()
            assert document["servers"]["exchange"]["host"] == address
            assert ("ExecutionReport" in document["components"]["messages"]) == private

    run(exchange, test)
