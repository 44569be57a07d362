"""MarketService: what it shows, once and as it changes."""

from __future__ import annotations

import grpc
from grpc_world import Context, GrpcWorld, call, with_world
from order_entry_core import SYMBOL

from exchange.api.orders.terms import NewOrder
from exchange.connect.grpc.market import MarketService
from exchange.connect.grpc.messages import v1


def order(side: str) -> NewOrder:
    return NewOrder(symbol=SYMBOL, side=side, quantity=100, price=50)  # type: ignore[arg-type]


def test_the_market() -> None:
    async def test(world: GrpcWorld) -> None:
        service = MarketService(world)  # type: ignore[arg-type]
        made = service.handlers(world.frame)
        await world.gateway.enter(1, order("buy"))
        book = await call(made["GetBook"], v1.BookRequest(symbol=SYMBOL), v1.Book)
        assert [(each.price, each.quantity) for each in book.bids] == [(50, 100)]
        books = service._books(world.caller, v1.BookRequest(symbol=SYMBOL))
        assert await anext(books) == book
        trades = service._trades(world.caller, v1.TradesRequest(symbol=SYMBOL))
        assert not (await anext(trades)).trades
        await world.gateway.enter(2, order("sell"))
        assert not (await anext(books)).bids
        (trade,) = (await anext(trades)).trades
        assert (trade.price, trade.taker_side) == (50, v1.SIDE_SELL)
        found = await call(made["GetTrades"], v1.TradesRequest(symbol=SYMBOL), v1.TradeBatch)
        assert list(found.trades) == [trade]
        request = v1.CandlesRequest(symbol=SYMBOL, interval="1m")
        candles = await call(made["GetCandles"], request, v1.CandleBatch)
        assert await anext(service._candles(world.caller, request)) == candles
        listed = await call(
            made["ListInstruments"], v1.ListInstrumentsRequest(), v1.ListInstrumentsResponse
        )
        assert SYMBOL in {each.symbol for each in listed.instruments}

    with_world(test)


def test_what_is_not_there_is_refused() -> None:
    async def test(world: GrpcWorld) -> None:
        made = MarketService(world).handlers(world.frame)  # type: ignore[arg-type]
        for method, request, status in (
            ("GetBook", v1.BookRequest(symbol="?"), grpc.StatusCode.NOT_FOUND),
            ("GetBook", v1.BookRequest(symbol=SYMBOL, levels=-1), grpc.StatusCode.INVALID_ARGUMENT),
            ("GetCandles", v1.CandlesRequest(symbol=SYMBOL), grpc.StatusCode.INVALID_ARGUMENT),
        ):
            context = await call(made[method], request, v1.Book)
            assert isinstance(context, Context) and context.status == status

    with_world(test)
