"""Events of orders as records, held to their schema."""

from __future__ import annotations

import json

import jsonschema
from market_events import MarketEvents

from exchange.codes import FLAG_LEVEL, EventKind, OrderType, Side
from exchange.connect.directory import Directory
from exchange.connect.kafka.order_events import order_event_records
from exchange.connect.schemas import schema_text
from exchange.records import text_word


def test_every_event_of_an_order() -> None:
    world = MarketEvents()
    world.open_market()
    world.add(EventKind.SESSION_DEFINED, session=7, token_0=text_word("MAKER"), quantity=2001)
    order = {"instrument": 2, "order_id": 5, "session": 7, "price": 100, "quantity": 10}
    side = {"side": int(Side.SELL), "order_type": int(OrderType.LIMIT)}
    world.add(EventKind.ACCEPTED, token_0=text_word("T1"), **order, **side)
    level = {"flags": FLAG_LEVEL, "level_quantity": 10, "level_orders": 1}
    world.add(EventKind.RESTED, remaining=10, **order, **side, **level)
    trade = {"contra_order_id": 6, "contra_session": 7}
    world.add(EventKind.TRADE, remaining=0, **order, **side, **trade)
    events = world.take()
    directory = Directory()
    directory.learn(events)
    records = list(order_event_records(events, directory))
    values = [json.loads(each.text) for each in records]
    assert [value["kind"] for value in values] == ["accepted", "rested", "trade"]
    schema = json.loads(schema_text("order_events"))
    for record, value in zip(records, values, strict=True):
        jsonschema.validate(value, schema)
        assert record.symbol == value["symbol"] == "AAPL"
        assert record.sequence == value["sequence"]
        assert value["user_id"] == 2001 and value["order_id"] == 5
    accepted, rested, traded = values
    assert accepted["client_order_id"] == "T1" and "remaining" not in accepted
    assert rested["level_quantity"] == 10 and rested["remaining"] == 10
    assert traded["contra_order_id"] == 6 and traded["contra_user_id"] == 2001
