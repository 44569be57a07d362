"""A program that knows nothing but ccxt: it calls every unified method and checks the answers.

Run by test_ccxt.py with the interpreter of an environment that has ccxt, as
``ccxt_program.py FLAVOUR``; what each structure must look like is said by ccxt's own tests.
``EXCHANGE_URL``, ``EXCHANGE_KEYS`` (JSON: two pairs of key and secret) come from the environment.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
import time
from typing import Any

import ccxt
import ccxt.async_support
import ccxt.pro
from ccxt.test.exchange.base.test_balance import test_balance
from ccxt.test.exchange.base.test_currency import test_currency
from ccxt.test.exchange.base.test_ledger_entry import test_ledger_entry
from ccxt.test.exchange.base.test_market import test_market
from ccxt.test.exchange.base.test_ohlcv import test_ohlcv
from ccxt.test.exchange.base.test_order import test_order
from ccxt.test.exchange.base.test_order_book import test_order_book
from ccxt.test.exchange.base.test_status import test_status
from ccxt.test.exchange.base.test_ticker import test_ticker
from ccxt.test.exchange.base.test_trade import test_trade
from ccxt.test.exchange.base.test_trading_fee import test_trading_fee

from exchange.contrib.ccxt.classes import register

SYMBOL = "AAPL/USD"
LIMIT_S = 120.0
# ccxt's own switch for what a structure lacks by its nature
SKIPPED: dict[str, Any] = {"networks": True, "fees": True}


def client(module: Any, number: int) -> Any:
    """The class as any program makes it, of the account ``number``."""
    key, secret = json.loads(os.environ["EXCHANGE_KEYS"])[number]
    made = module.openexchange({"apiKey": key, "secret": secret})
    made.urls["api"] = dict.fromkeys(("public", "private"), os.environ["EXCHANGE_URL"])
    return made


async def told(value: Any) -> Any:
    """The result in either flavour."""
    return await value if inspect.isawaitable(value) else value


async def raises(error: type[Exception], ask: Any) -> None:
    try:
        await told(ask())
    except error:
        return
    raise AssertionError(f"{error.__name__} was not raised")


async def ask_market(one: Any) -> None:
    markets = await told(one.load_markets())
    for market in markets.values():
        test_market(one, SKIPPED, "fetchMarkets", market)
    for currency in (await told(one.fetch_currencies())).values():
        test_currency(one, SKIPPED, "fetchCurrencies", currency)
    assert abs(await told(one.fetch_time()) - time.time() * 1000) < 60_000
    test_status(one, SKIPPED, "fetchStatus", await told(one.fetch_status()), one.milliseconds())
    tickers = await told(one.fetch_tickers())
    assert set(tickers) == set(markets)
    some = await told(one.fetch_tickers([SYMBOL]))
    asked = await told(one.fetch_bids_asks([SYMBOL]))
    assert set(some) == set(asked) == {SYMBOL}
    for ticker in (*tickers.values(), await told(one.fetch_ticker(SYMBOL))):
        test_ticker(one, SKIPPED, "fetchTicker", ticker, ticker["symbol"])
    book = await told(one.fetch_order_book(SYMBOL, 10))
    test_order_book(one, SKIPPED, "fetchOrderBook", book, SYMBOL)
    assert book["bids"][0][0] == some[SYMBOL]["bid"]
    trades = await told(one.fetch_trades(SYMBOL, None, 10))
    assert trades and trades == sorted(trades, key=lambda each: each["timestamp"])
    for trade in trades:
        test_trade(one, SKIPPED, "fetchTrades", trade, SYMBOL, one.milliseconds(), True)
    assert await told(one.fetch_trades(SYMBOL, one.milliseconds() + 60_000)) == []
    candles = await told(one.fetch_ohlcv(SYMBOL, "1m", None, 5))
    assert candles
    for candle in candles:
        test_ohlcv(one, SKIPPED, "fetchOHLCV", candle, SYMBOL, one.milliseconds())
    fees = await told(one.fetch_trading_fees())
    assert fees[SYMBOL] == await told(one.fetch_trading_fee(SYMBOL))
    test_trading_fee(one, SKIPPED, "fetchTradingFee", SYMBOL, fees[SYMBOL])


def checked(one: Any, order: Any) -> Any:
    # its manual knows more statuses than its test
    known = order["status"] in ("open", "closed", "canceled")
    skipped = SKIPPED if known else SKIPPED | {"status": True}
    test_order(one, skipped, "fetchOrder", order, SYMBOL, one.milliseconds())
    return order


async def trade(one: Any, two: Any) -> None:
    """Orders, and what became of them; leaves nothing open."""
    price = 130.55
    bought = checked(
        one, await told(one.create_order(SYMBOL, "limit", "buy", 20, price, {"postOnly": True}))
    )
    assert (bought["status"], bought["price"], bought["amount"]) == ("open", price, 20)
    found = checked(one, await told(one.fetch_order(bought["id"], SYMBOL)))
    assert found["id"] == bought["id"] and found["filled"] == 0
    edited = checked(
        one, await told(one.edit_order(bought["id"], SYMBOL, "limit", "buy", 20, 130.56))
    )
    assert edited["id"] != bought["id"] and edited["price"] == 130.56
    open_ids = {order["id"] for order in await told(one.fetch_open_orders(SYMBOL))}
    assert edited["id"] in open_ids and bought["id"] not in open_ids
    name = f"n{time.time_ns()}"
    named = {"clientOrderId": name}
    await told(one.create_order(SYMBOL, "limit", "buy", 10, price, named))
    await raises(
        ccxt.DuplicateOrderId, lambda: one.create_order(SYMBOL, "limit", "buy", 11, price, named)
    )
    assert checked(one, await told(one.fetch_order(None, SYMBOL, named)))["clientOrderId"] == name
    moved = await told(
        one.edit_order_with_client_order_id(name, SYMBOL, "limit", "buy", 10, 130.57)
    )
    assert moved["price"] == 130.57 and moved["clientOrderId"] == name
    gone = await told(one.cancel_order_with_client_order_id(name, SYMBOL))
    assert gone["status"] == "canceled" and gone["id"] == moved["id"]
    several = await told(
        one.create_orders(
            [
                {"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": 10, "price": 120},
                {"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": 10, "price": 121},
                {"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": 10**11, "price": 121},
            ]
        )
    )
    assert [order["status"] for order in several] == ["open", "open", "rejected"]
    cancelled = await told(one.cancel_orders([order["id"] for order in several[:2]], SYMBOL))
    assert [order["status"] for order in cancelled] == ["canceled", "canceled"]
    await raises(ccxt.OrderNotFound, lambda: one.cancel_orders([several[0]["id"]], SYMBOL))
    await raises(ccxt.OrderNotFound, lambda: one.fetch_order("4000000000000", SYMBOL))
    await raises(ccxt.OrderNotFound, lambda: two.cancel_order(edited["id"], SYMBOL))
    await raises(ccxt.BadSymbol, lambda: one.fetch_ticker("NOPE/USD"))
    stop = await told(one.create_order(SYMBOL, "market", "sell", 10, None, {"triggerPrice": 100}))
    assert (stop["type"], stop["triggerPrice"], stop["status"]) == ("market", 100, "open")
    sold = checked(two, await told(two.create_order(SYMBOL, "market", "sell", 20)))
    assert (sold["status"], sold["filled"], len(sold["trades"])) == ("closed", 20, 1)
    mine = await told(one.fetch_order_trades(edited["id"], SYMBOL))
    assert [each["amount"] for each in mine] == [20] and mine[0]["takerOrMaker"] == "maker"
    for each in await told(one.fetch_my_trades(SYMBOL, None, 5)):
        test_trade(one, SKIPPED, "fetchMyTrades", each, SYMBOL, one.milliseconds(), False)
    await read_ledger(one)
    closed = await told(one.fetch_closed_orders(SYMBOL))
    assert edited["id"] in {order["id"] for order in closed}
    canceled = await told(one.fetch_canceled_orders(SYMBOL))
    assert {gone["id"], bought["id"]} <= {order["id"] for order in canceled}
    for order in await told(one.fetch_orders(SYMBOL, bought["timestamp"])):
        checked(one, order)
    balance = await told(one.fetch_balance())
    test_balance(one, SKIPPED, "fetchBalance", balance)
    assert balance["USD"]["total"] > 0 and "AAPL" in balance["total"]
    after = await told(one.cancel_all_orders_after(60_000))
    assert after["triggerTime"] > one.milliseconds()
    await told(one.cancel_all_orders_after(0))
    assert stop["id"] in {order["id"] for order in await told(one.cancel_all_orders(SYMBOL))}
    assert await told(one.fetch_open_orders(SYMBOL)) == []


async def read_ledger(one: Any) -> None:
    """The newest changes of the account's money, of which the last is the balance."""
    ledger = await told(one.fetch_ledger("USD", None, 5))
    for each in ledger:
        # ccxt's own check demands a fee, which is an entry of its own here
        checks = SKIPPED | {"fee": True}
        test_ledger_entry(one, checks, "fetchLedger", each, "USD", one.milliseconds())
    assert ledger[-1]["after"] == (await told(one.fetch_balance()))["USD"]["total"]
    trades = [each["referenceId"] for each in ledger if each["type"] == "trade"]
    assert trades[-1] == (await told(one.fetch_my_trades(SYMBOL)))[-1]["id"]


async def ask_too_much(one: Any) -> None:
    """More than the account has, and more than an order may have."""
    large = {"symbol": SYMBOL, "type": "limit", "side": "sell", "amount": 10**6, "price": 190}
    free = (await told(one.fetch_balance()))["AAPL"]["free"]
    await told(one.create_orders([large] * int(free // 10**6)))
    await raises(
        ccxt.InsufficientFunds, lambda: one.create_order(SYMBOL, "limit", "sell", 10**6, 190)
    )
    await raises(ccxt.InvalidOrder, lambda: one.create_order(SYMBOL, "limit", "buy", 10**7, 1))
    sells = await told(one.cancel_all_orders(SYMBOL, {"side": "sell"}))
    assert len(sells) == free // 10**6


async def watch(one: Any, two: Any) -> None:
    """Everything that pro watches, while ``two`` trades with ``one``."""

    async def go() -> None:
        for _ in range(1_000):
            await one.create_order(SYMBOL, "limit", "buy", 10, 130)
            await two.create_order(SYMBOL, "limit", "sell", 10, 130)
            await asyncio.sleep(0.2)

    trading = asyncio.ensure_future(go())
    try:
        book = await one.watch_order_book(SYMBOL)
        test_order_book(one, SKIPPED, "watchOrderBook", book, SYMBOL)
        for each in await one.watch_trades(SYMBOL):
            test_trade(one, SKIPPED, "watchTrades", each, SYMBOL, one.milliseconds(), True)
        test_ticker(one, SKIPPED, "watchTicker", await one.watch_ticker(SYMBOL), SYMBOL)
        assert SYMBOL in await one.watch_tickers([SYMBOL])
        for candle in await one.watch_ohlcv(SYMBOL):
            test_ohlcv(one, SKIPPED, "watchOHLCV", candle, SYMBOL, one.milliseconds())
        for order in await one.watch_orders(SYMBOL):
            test_order(one, SKIPPED, "watchOrders", order, SYMBOL, one.milliseconds())
        for each in await one.watch_my_trades(SYMBOL):
            test_trade(one, SKIPPED, "watchMyTrades", each, SYMBOL, one.milliseconds(), False)
        balance = await one.watch_balance()
        while "AAPL" not in balance or "USD" not in balance:
            balance = await one.watch_balance()
        test_balance(one, SKIPPED, "watchBalance", balance)
    finally:
        trading.cancel()
        await asyncio.gather(trading, return_exceptions=True)
    await one.cancel_all_orders()
    await two.cancel_all_orders()


async def main(flavour: str) -> None:
    register()
    module = {"sync": ccxt, "async": ccxt.async_support, "pro": ccxt.pro}[flavour]
    assert "openexchange" in module.exchanges
    one, two = client(module, 0), client(module, 1)
    try:
        await told(one.create_order(SYMBOL, "limit", "buy", 30, 130))
        await told(two.create_order(SYMBOL, "limit", "sell", 10, 130))
        await ask_market(one)
        await told(one.cancel_all_orders(SYMBOL))
        await trade(one, two)
        await ask_too_much(one)
        if flavour == "pro":
            await asyncio.wait_for(watch(one, two), LIMIT_S)
    finally:
        if flavour != "sync":
            await one.close()
            await two.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
