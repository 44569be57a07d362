"""The public side of /ws: subscriptions, their messages, and clients that do it wrong."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any

import aiohttp
import pytest
from feed_server import Client, FeedServer, serve
from market_events import START_NS
from websocket_client import TIMEOUT_S

from exchange.api.websocket.frames import CloseCode
from exchange.codes import Side

SYMBOL = "2330.TW"


def crc(bids: list[list[int]], asks: list[list[int]]) -> int:
    text = "|".join(f"{p}:{q}" for p, q in [*bids[:10], *asks[:10]])
    return zlib.crc32(text.encode())


def test_trades_are_sent_to_their_subscribers_only():
    async def test(server: FeedServer) -> None:
        one, other = await server.connect(), await server.connect()
        sequence = server.events.sequence - 1
        assert await one.subscribe(f"trade.{SYMBOL}") == [
            {"type": "subscribed", "channel": "trade.2330.TW", "sequence": sequence}
        ]
        await other.subscribe("trade.AAPL")
        server.events.trade(60_000, 7, Side.SELL, instrument=1)
        server.events.trade(15_000, 3, Side.BUY, instrument=2)
        server.apply()
        assert await one.receive() == {
            "type": "trade",
            "symbol": SYMBOL,
            "price": 60_000,
            "quantity": 7,
            "side": "sell",
            "trade_id": sequence + 2,
            "sequence": sequence + 1,
            "timestamp": START_NS // 1_000_000,
        }
        assert (await other.receive())["symbol"] == "AAPL"

    serve(test)


def test_a_book_kept_from_diffs_is_the_book():
    """What docs/websocket.md tells clients to do, over many ticks and a late subscriber."""

    async def test(server: FeedServer) -> None:
        client = await server.connect()
        server.events.level(Side.BUY, 100, 5)
        server.events.level(Side.SELL, 110, 6)
        server.apply()
        await client.subscribe(f"depth_diff.{SYMBOL}")
        book: dict[str, dict[int, int]] = {}
        sequence = -1
        for step in range(50):
            message = await client.receive()
            if message["type"] == "depth_snapshot":
                book = {side: dict(message[side]) for side in ("bids", "asks")}
                sequence = message["sequence"]
            else:
                assert message["type"] == "depth_diff"
                assert message["first_sequence"] == sequence + 1
                sequence = message["last_sequence"]
                for side in ("bids", "asks"):
                    for price, quantity in message[side]:
                        book[side].pop(price, None)
                        if quantity:
                            book[side][price] = quantity
            bids = sorted(book["bids"].items(), reverse=True)
            asks = sorted(book["asks"].items())
            assert crc([list(b) for b in bids], [list(a) for a in asks]) == message["checksum"]
            server.events.level(Side.BUY, 100 - step % 13, step % 4)
            server.events.level(Side.SELL, 110 + step % 7, step % 3)
            server.events.level(Side.SELL, 90 + step % 7, step % 3, instrument=2)
            server.apply()

    serve(test, tick_ms=0.0)


def test_depth_is_conflated_and_ends_with_the_latest_state():
    async def test(server: FeedServer) -> None:
        client = await server.connect()
        await client.subscribe(f"depth.{SYMBOL}")
        assert (await client.receive())["bids"] == []
        for quantity in range(1, 200):
            server.events.level(Side.BUY, 100, quantity)
            server.apply()
        messages = 0
        while True:
            message = await client.receive()
            messages += 1
            if message["bids"] == [[100, 199]]:
                break
        assert messages < 10
        assert message["checksum"] == crc([[100, 199]], [])

    serve(test, tick_ms=0.0, depth_interval_ms=30)


def test_ticker_and_candles():
    async def test(server: FeedServer) -> None:
        client = await server.connect()
        acks = await client.subscribe(f"kline.{SYMBOL}.1m", f"ticker.{SYMBOL}")
        assert acks[0]["type"] == "subscribed"
        ticker = acks[1] if acks[1]["type"] == "ticker" else await client.receive()
        if ticker["type"] == "subscribed":
            ticker = await client.receive()
        assert ticker["last_price"] is None and ticker["state"] == "open"
        server.events.trade(60_000, 7)
        server.apply()
        found = {m["type"]: m for m in await client.receive_all(2)}
        assert found["ticker"]["last_price"] == 60_000
        candle = found["kline"]
        assert candle["closed"] is False and candle["volume"] == 7
        # the next minute's trade closes the candle; nobody trading any more does so too
        server.events.now_ns += 60_000_000_000
        server.events.trade(60_100, 1)
        server.apply()
        seen: list[dict[str, Any]] = []
        while len(seen) < 2:
            message = await client.receive()
            if message["type"] == "kline":
                seen.append(message)
        assert seen[0] == candle | {"closed": True}
        assert seen[1]["open"] == 60_100 and not seen[1]["closed"]
        server.now_ms += 10 * 60_000
        last = await client.receive()
        while last["type"] != "kline":
            last = await client.receive()
        assert last == seen[1] | {"closed": True}

    serve(test, kline_interval_ms=1, ticker_interval_ms=1)


def test_what_does_not_show_is_not_sent():
    """Depth of 20 levels and the ticker stay as they are when a level far away changes."""

    async def test(server: FeedServer) -> None:
        client = await server.connect()
        for i in range(25):
            server.events.level(Side.BUY, 1_000 - i, 5)
        server.apply()
        await client.send(action="subscribe", channels=[f"depth.{SYMBOL}", f"ticker.{SYMBOL}"])
        await client.receive_all(4)
        server.events.level(Side.BUY, 1_000, 6)
        server.apply()
        assert {m["type"] for m in await client.receive_all(2)} == {"depth", "ticker"}
        server.events.level(Side.BUY, 976, 9)
        server.apply()
        server.events.level(Side.BUY, 1_000, 7)
        server.apply()
        found = {m["type"]: m for m in await client.receive_all(2)}
        assert found["depth"]["bids"][0] == [1_000, 7]
        assert found["ticker"]["best_bid_quantity"] == 7

    serve(test, tick_ms=0.0, depth_interval_ms=0, ticker_interval_ms=0)


def test_subscribing_again_begins_anew():
    async def test(server: FeedServer) -> None:
        client, other = await server.connect(), await server.connect()
        for each in (client, other):
            await each.subscribe(f"depth_diff.{SYMBOL}")
            assert (await each.receive())["type"] == "depth_snapshot"
        sequence = 0
        for quantity in range(1, 30):
            server.events.level(Side.BUY, 100, quantity)
            server.apply()
            if quantity == 15:
                await client.send(action="subscribe", channels=[f"depth_diff.{SYMBOL}"])
        while True:
            message = await client.receive()
            if message["type"] == "depth_snapshot":
                sequence = message["sequence"]
                break
        while sequence < server.market.next_event - 1:
            message = await client.receive()
            assert message["first_sequence"] == sequence + 1
            sequence = message["last_sequence"]

    serve(test, tick_ms=0.0)


def test_halt_is_told_by_the_ticker():
    async def test(server: FeedServer) -> None:
        client = await server.connect()
        await client.send(action="subscribe", channels=[f"ticker.{SYMBOL}"])
        await client.receive_all(2)
        server.events.halt(until_ns=START_NS + 1_000_000_000)
        server.apply()
        message = await client.receive()
        assert message["state"] == "halted"
        assert message["until"] == START_NS // 1_000_000 + 1000

    serve(test, ticker_interval_ms=1)


def test_resume_replays_missed_trades_once():
    async def test(server: FeedServer) -> None:
        for price in range(100, 110):
            server.events.trade(price, 1)
        since = server.events.sequence - 4
        server.apply()
        client = await server.connect()
        await client.subscribe(f"trade.{SYMBOL}", since=since)
        server.events.trade(200, 1)
        server.apply()
        prices = [(await client.receive())["price"] for _ in range(4)]
        assert prices == [107, 108, 109, 200]

    serve(test)


def test_resume_tells_of_the_gap_when_too_much_is_missing():
    async def test(server: FeedServer) -> None:
        since = server.events.sequence - 1
        for price in range(100, 110):
            server.events.trade(price, 1)
        server.apply()
        client = await server.connect()
        await client.subscribe(f"trade.{SYMBOL}", since=since)
        gap = await client.receive()
        assert gap == {
            "type": "gap",
            "channel": f"trade.{SYMBOL}",
            "first_sequence": since + 1,
            "last_sequence": since + 6,
        }
        assert [(await client.receive())["price"] for _ in range(4)] == [106, 107, 108, 109]

    serve(test, trades_kept=4)


def test_unsubscribe():
    async def test(server: FeedServer) -> None:
        client = await server.connect()
        await client.subscribe(f"trade.{SYMBOL}", "trade.AAPL")
        await client.send(action="unsubscribe", channels=["trade.AAPL", "depth.AAPL", "x"])
        answers = await client.receive_all(3)
        assert sorted(a["type"] for a in answers) == ["error", "error", "unsubscribed"]
        assert {a["code"] for a in answers if a["type"] == "error"} == {4006}
        server.events.trade(1, 1, instrument=2)
        server.events.trade(2, 1, instrument=1)
        server.apply()
        assert (await client.receive())["price"] == 2

    serve(test)


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("{", 1001, "JSON"),
        ("\x00", 1001, "JSON"),
        ("[" * 30_000, 1002, "object"),
        ("[]", 1002, "object"),
        ("null", 1002, "object"),
        ("{}", 1002, "action"),
        ('{"action":"dance"}', 1002, "dance"),
        ('{"action":"subscribe"}', 1002, "channels"),
        ('{"action":"subscribe","channels":"trade.AAPL"}', 1002, "channels"),
        ('{"action":"subscribe","channels":[1]}', 1002, "channels"),
        ('{"action":"subscribe","channels":[],"since":-1}', 1002, "since"),
        ('{"action":"subscribe","channels":[],"extra":1}', 1002, "extra"),
        ('{"action":"ping","request_id":7}', 1002, "request_id"),
        ('{"action":"subscribe","channels":["trade.NOPE"]}', 4005, "NOPE"),
        ('{"action":"subscribe","channels":["trade"]}', 4005, "instrument"),
        ('{"action":"subscribe","channels":["dance.AAPL"]}', 4005, "dance"),
        ('{"action":"subscribe","channels":["kline.AAPL"]}', 4005, "interval"),
        ('{"action":"subscribe","channels":["kline.AAPL.2m"]}', 4005, "2m"),
        ('{"action":"subscribe","channels":["orders.AAPL"]}', 4005, "orders"),
    ],
)
def test_what_is_wrong_is_an_error_and_the_socket_lives_on(text: str, code: int, words: str):
    async def test(server: FeedServer) -> None:
        client = await server.connect()
        await client.socket.send_str(text)
        error = await client.receive()
        assert error["type"] == "error"
        assert error["code"] == code
        assert words in error["message"]
        await client.send(action="ping", request_id="still here")
        assert (await client.receive())["request_id"] == "still here"

    serve(test)


def test_the_request_id_comes_back_also_with_an_error():
    async def test(server: FeedServer) -> None:
        client = await server.connect()
        await client.send(action="subscribe", request_id="r1")
        assert (await client.receive())["request_id"] == "r1"
        await client.send(action="subscribe", request_id="r2", channels=["trade.AAPL", "nothing"])
        assert [a["request_id"] for a in await client.receive_all(2)] == ["r2", "r2"]

    serve(test)


def test_binary_frames_and_invalid_text():
    async def test(server: FeedServer) -> None:
        client = await server.connect()
        await client.socket.send_bytes(b'{"action":"ping"}')
        assert (await client.receive())["code"] == 1002
        await client.socket._writer.send_frame(b"\xff\xfe", aiohttp.WSMsgType.TEXT)
        assert (await client.receive_close())[0] == CloseCode.INVALID_TEXT

    serve(test)


def test_a_message_that_is_too_big_closes_the_socket():
    async def test(server: FeedServer) -> None:
        client, other = await server.connect(), await server.connect()
        await other.subscribe("trade.AAPL")
        await client.socket.send_str("x" * 70_000)
        message = await client.socket.receive(TIMEOUT_S)
        # what is unread when a connection is closed resets it, and may overtake the close frame
        if message.type is aiohttp.WSMsgType.CLOSE:
            assert message.data == CloseCode.MESSAGE_TOO_BIG
        else:
            assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        server.events.trade(1, 1, instrument=2)
        server.apply()
        assert (await other.receive())["price"] == 1

    serve(test)


def test_100_000_subscriptions_are_an_error_each():
    async def test(server: FeedServer) -> None:
        client, other = await server.connect(), await server.connect()
        await other.subscribe("trade.AAPL")

        async def flood() -> int:
            errors = 0
            for first in range(0, 100_000, 4_000):
                await client.send(
                    action="subscribe", channels=[f"trade.{n}" for n in range(first, first + 4_000)]
                )
                answered = 0
                while answered < 4_000:
                    # not client.receive(): checking each with its schema takes longer than all else
                    text = (await client.socket.receive(TIMEOUT_S)).data
                    assert '"code":4005' in text or '"type":"heartbeat"' in text
                    answered += '"code":4005' in text
                errors += answered
            return errors

        flooding = asyncio.create_task(flood())
        trades = 0
        while not flooding.done():
            server.events.trade(trades + 1, 1, instrument=2)
            server.apply()
            trades += 1
            assert (await other.receive())["price"] == trades
        assert flooding.result() == 100_000
        assert trades > 10

    serve(test)


def test_the_subscription_limit():
    async def test(server: FeedServer) -> None:
        client = await server.connect()
        names = [
            f"{kind}.{symbol}" for kind in ("trade", "depth_diff") for symbol in (SYMBOL, "AAPL")
        ]
        await client.send(action="subscribe", channels=names)
        answers = [await client.receive() for _ in range(5)]
        by_type = [a["type"] for a in answers]
        assert by_type.count("subscribed") == 3
        (error,) = [a for a in answers if a["type"] == "error"]
        assert error["code"] == 3002 and error["channel"] == "depth_diff.AAPL"
        # those that are there may be asked for again
        await client.send(action="subscribe", channels=[f"trade.{SYMBOL}"])
        assert (await client.receive())["type"] == "subscribed"

    serve(test, subscriptions_per_connection=3)


def test_too_many_messages_are_refused_one_by_one():
    async def test(server: FeedServer) -> None:
        client = await server.connect()
        for _ in range(50):
            await client.send(action="ping")
        answers = await client.receive_all(50)
        refused = [a for a in answers if a["type"] == "error"]
        assert {a["code"] for a in refused} == {3001}
        assert len(refused) == 40

    serve(test, messages_per_second=0.0001, message_burst=10)


def test_a_client_may_say_more_after_a_while():
    async def test(server: FeedServer) -> None:
        client = await server.connect()
        refused = 0
        while refused == 0:  # as fast as it can
            await client.send(action="ping")
            refused += (await client.receive())["type"] == "error"
        while True:
            await asyncio.sleep(0.01)
            await client.send(action="ping")
            if (await client.receive())["type"] == "pong":
                break

    serve(test, messages_per_second=20, message_burst=3)


def test_heartbeats():
    async def test(server: FeedServer) -> None:
        client = await server.connect()
        for _ in range(2):
            assert await client.receive(heartbeats=True) == {
                "type": "heartbeat",
                "timestamp": server.now_ms,
                "sequence": server.market.next_event - 1,
            }

    serve(test, heartbeat_ms=40)


def test_a_silent_client_is_pinged_then_closed():
    async def test(server: FeedServer) -> None:
        # aiohttp's client answers pings while it receives, unless told not to
        answering, silent = await server.connect(), await server.connect(autoping=False)
        first, second = sorted(server.hub.subscribers, key=lambda each: each.number)
        for each in (first, second):
            each.heard_s -= PING_S + 1  # so long ago, and not what a busy machine takes
        reading = asyncio.create_task(answering.receive())
        while (await silent.socket.receive()).type is not aiohttp.WSMsgType.PING:
            pass
        second.heard_s -= SILENCE_S
        while (message := await silent.socket.receive()).type is not aiohttp.WSMsgType.CLOSE:
            pass
        assert message.data == CloseCode.SILENT
        now_s = asyncio.get_running_loop().time()
        while now_s - first.heard_s > PING_S:  # its answer to the ping counts
            await asyncio.sleep(0)
        assert not reading.done()
        await answering.send(action="ping")
        assert (await reading)["type"] == "pong"

    PING_S, SILENCE_S = 100_000.0, 200_000.0
    serve(test, heartbeat_ms=20, ping_seconds=PING_S, silence_seconds=SILENCE_S)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1.evil.example"])
def test_another_sites_page_may_not_connect(origin: str):
    async def test(server: FeedServer) -> None:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await server.connect(origin=origin)
        assert caught.value.status == 403

    serve(test)


def test_origins_that_may_connect():
    async def test(server: FeedServer) -> None:
        own = server.address.removesuffix("/ws")
        for origin in (own, "https://trade.example"):
            client = await server.connect(origin=origin)
            await client.send(action="ping")
            assert (await client.receive())["type"] == "pong"

    serve(test, allowed_origins=("https://trade.example",))


def test_connections_are_limited_in_all_and_by_address():
    async def refused(server: FeedServer) -> int:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await server.connect()
        return caught.value.status

    async def test(server: FeedServer) -> None:
        first, second = await server.connect(), await server.connect()
        assert await refused(server) == 503
        await first.socket.close()
        while len(server.hub.subscribers) > 1:
            await asyncio.sleep(0)
        for client in (second, await server.connect()):
            await client.send(action="ping")
            assert (await client.receive())["type"] == "pong"

    serve(test, connections=2)
    serve(test, connections_per_address=2)


def test_the_newest_socket_of_the_address_that_has_most_gives_way():
    async def test(server: FeedServer) -> None:
        many = [await server.connect() for _ in range(3)]
        connector = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
        async with aiohttp.ClientSession(connector=connector) as session:
            other = Client(await session.ws_connect(server.address))
            assert (await many[2].receive_close())[0] == CloseCode.GAVE_WAY
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(server.address)
            for client in (*many[:2], other):
                await client.send(action="ping")
                assert (await client.receive())["type"] == "pong"

    serve(test, connections=3)


def test_a_request_without_an_upgrade_is_refused():
    async def test(server: FeedServer) -> None:
        async with aiohttp.ClientSession() as session, session.get(server.address) as answer:
            assert answer.status == 400
            assert (await answer.json())["code"] == 1002

    serve(test)


def test_private_actions_need_a_server_that_has_them():
    async def test(server: FeedServer) -> None:
        client = await server.connect()
        await client.send(action="auth", key="k", timestamp=1, nonce="n", signature="s")
        assert (await client.receive())["code"] == 2006
        await client.send(action="subscribe", channels=["orders"])
        assert (await client.receive())["code"] == 2006

    serve(test)


def test_a_stop_says_goodbye():
    async def test(server: FeedServer) -> None:
        client = await server.connect()
        server.hub.stop()
        code, reason = await client.receive_close()
        assert code == CloseCode.GOING_AWAY and "connect again" in reason

    serve(test)


def test_nothing_is_left_when_clients_are_gone():
    async def test(server: FeedServer) -> None:
        clients: list[Client] = [await server.connect() for _ in range(5)]
        for i, client in enumerate(clients):
            await client.subscribe("trade.AAPL", f"kline.{SYMBOL}.1m", *["ticker.AAPL"][: i % 2])
        for client in clients:
            await client.socket.close()
        hub = server.hub
        while hub.subscribers:
            await asyncio.sleep(0)
        assert not hub._groups and not hub._channels and not hub._by_instrument
        assert not hub._candles and not hub._due and not any(hub._slices)

    serve(test)
