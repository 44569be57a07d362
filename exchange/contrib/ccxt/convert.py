"""Between the exchange's integers and ccxt's numbers, exactly: texts of decimals, no floats.

Who uses it: requests.py, trading.py and streams.py. ``market``: ccxt's market structure, whose
``info`` is the exchange's instrument. ccxt itself makes floats of the texts, if it is set so.
"""

from __future__ import annotations

from typing import Any

from ccxt.base.precise import Precise

from exchange.contrib.ccxt.description import ORDER_STATUSES

Json = dict[str, Any]
_TIMES_IN_FORCE = {"day": "GTC", "system_hours": "GTC", "ioc": "IOC", "fok": "FOK", "gtt": "GTD"}


def unit(decimals: int) -> str:
    """The text of 10^-decimals."""
    return "1" if decimals == 0 else "0." + "0" * (decimals - 1) + "1"


def decimal(value: int | None, decimals: int) -> str | None:
    """``value`` minor units as the text of a decimal number."""
    return None if value is None else str(Precise.string_mul(str(value), unit(decimals)))


def minor(text: str, decimals: int) -> int:
    """The text of a decimal number in minor units. Raises ValueError when it has more digits."""
    scaled = Precise.string_mul(text, "1" + "0" * decimals)
    return int(str(scaled))


def price(value: int | None, market: Json) -> str | None:
    """A price of the exchange as text."""
    return decimal(value, market["info"]["price_decimals"])


def money(value: int | None, market: Json) -> str | None:
    """Minor units of the market's currency as text."""
    return decimal(value, market["info"]["currency_decimals"])


def market_of(instrument: Json) -> Json:
    """ccxt's market structure of an instrument."""
    decimals = instrument["price_decimals"]
    symbol, currency = instrument["symbol"], instrument["currency"]
    return {
        "id": symbol,
        "symbol": f"{symbol}/{currency}",
        "base": symbol,
        "quote": currency,
        "baseId": symbol,
        "quoteId": currency,
        "type": "spot",
        "spot": True,
        "margin": False,
        "swap": False,
        "future": False,
        "option": False,
        "contract": False,
        "active": instrument["state"] in ("open", "auction"),
        "taker": float(decimal(instrument["taker_fee_ppm"], 6) or 0),
        "maker": float(decimal(instrument["maker_fee_ppm"], 6) or 0),
        "percentage": True,
        "tierBased": False,
        "feeSide": "quote",
        "precision": {
            "price": float(decimal(instrument["tick"], decimals) or 0),
            "amount": float(instrument["lot"]),
        },
        "limits": {
            "amount": {
                "min": float(instrument["lot"]),
                "max": float(instrument["maximum_quantity"]),
            },
            "price": {
                "min": float(decimal(instrument["minimum_price"], decimals) or 0),
                "max": float(decimal(instrument["maximum_price"], decimals) or 0),
            },
            "cost": {"min": float(instrument["minimum_notional"]) or None, "max": None},
            "leverage": {"min": None, "max": None},
        },
        "created": None,
        "info": instrument,
    }


def ticker_of(ticker: Json, market: Json) -> Json:
    """An entry of ``GET /tickers`` for ccxt's ``safe_ticker``."""
    return {
        "symbol": market["symbol"],
        "high": price(ticker["high_24h"], market),
        "low": price(ticker["low_24h"], market),
        "bid": price(ticker["best_bid"], market),
        "bidVolume": str(ticker["best_bid_quantity"]),
        "ask": price(ticker["best_ask"], market),
        "askVolume": str(ticker["best_ask_quantity"]),
        "open": price(ticker["open_24h"], market),
        "last": price(ticker["last_price"], market),
        "baseVolume": str(ticker["volume_24h"]),
        "quoteVolume": money(ticker["turnover_24h"], market),
        "info": ticker,
    }


def trade_of(trade: Json, market: Json, milliseconds: int) -> Json:
    """A public trade for ccxt's ``safe_trade``."""
    return {
        "id": str(trade["trade_id"]),
        "order": None,
        "type": None,
        "takerOrMaker": None,
        "timestamp": milliseconds,
        "symbol": market["symbol"],
        "side": trade["side"],
        "price": price(trade["price"], market),
        "amount": str(trade["quantity"]),
        "info": trade,
    }


def fill_of(fill: Json, market: Json, milliseconds: int) -> Json:
    """A trade of the account for ccxt's ``safe_trade``."""
    return trade_of(fill, market, milliseconds) | {
        "order": str(fill["order_id"]),
        "side": side_of(fill["side"]),
        "takerOrMaker": fill["liquidity"],
        "fee": {"cost": money(fill["fee"], market), "currency": market["quote"]},
    }


def side_of(side: str | None) -> str | None:
    """ccxt's name of a side: short sales sell."""
    return "sell" if side is not None and side.startswith("sell") else side


def order_of(order: Json, market: Json, created_ms: int, updated_ms: int) -> Json:
    """An order for ccxt's ``safe_order``."""
    fee = order.get("fee")
    kind = order["type"]
    return {
        "id": str(order["order_id"]),
        "clientOrderId": order["client_order_id"],
        "timestamp": created_ms,
        "lastUpdateTimestamp": updated_ms,
        "symbol": market["symbol"],
        "type": {"stop": "market", "stop_limit": "limit"}.get(kind, kind),
        "timeInForce": "PO"
        if order["post_only"]
        else _TIMES_IN_FORCE.get(order["time_in_force"] or ""),
        "postOnly": order["post_only"],
        "side": side_of(order["side"]),
        "price": price(order["price"], market),
        "triggerPrice": price(order["stop_price"], market),
        "amount": str(order["quantity"]),
        "filled": str(order["filled_quantity"]),
        "remaining": str(order["remaining_quantity"]),
        "cost": price(order["filled_value"], market),
        "status": ORDER_STATUSES[order["status"]],
        "fee": None if fee is None else {"cost": money(fee, market), "currency": market["quote"]},
        "info": order,
    }


_LEDGER_TYPES = {"deposit": "transaction", "withdrawal": "transaction", "fee_income": "fee"}


def ledger_entry_of(entry: Json, milliseconds: int) -> Json:
    """A change of a balance; ``amount`` is never negative at ccxt, ``direction`` says which way."""
    before, decimals = None, entry["decimals"]
    if entry["balance"] is not None:
        before = decimal(entry["balance"] - entry["amount"], decimals)
    return {
        "info": entry,
        "id": f"{entry['sequence']}-{entry['cause']}-{entry['order_id'] or ''}",
        "timestamp": milliseconds,
        "direction": "out" if entry["amount"] < 0 else "in",
        "account": "spot",
        "referenceId": None if entry["trade_id"] is None else str(entry["trade_id"]),
        "referenceAccount": None,
        "type": _LEDGER_TYPES.get(entry["cause"], entry["cause"]),
        "currency": entry["currency"],
        "amount": decimal(abs(entry["amount"]), decimals),
        "before": before,
        "after": decimal(entry["balance"], decimals),
        "status": "ok",
        "fee": None,
    }
