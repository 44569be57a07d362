"""REST: the account of the API key: money and positions."""

from __future__ import annotations

from typing import Any

from exchange.api.orders.json import time_text_or_none
from exchange.api.rest.call import Call


async def get_account(call: Call) -> dict[str, Any]:
    """`GET /accounts/me`: the account's money, counts and state."""
    assert call.key is not None
    found = call.accounts.account(call.account)
    currencies = call.accounts.currencies()
    balances = []
    for number, (balance, frozen) in sorted(found.balances.items()):
        currency = currencies[number]
        balances.append(
            {
                "currency": currency.code,
                "decimals": currency.decimals,
                "balance": balance,
                "frozen_balance": frozen,
                "available_balance": balance - frozen,
            }
        )
    return {
        "account": found.account,
        "balances": balances,
        "daily_order_count": found.daily_order_count,
        "daily_order_limit": found.daily_order_limit,
        "open_orders": found.open_orders,
        "blocked": found.blocked,
        "killed": found.killed,
        "permissions": sorted(call.key.permissions),
        "created_at": time_text_or_none(found.created_ns),
        "updated_at": time_text_or_none(found.updated_ns),
    }


async def get_positions(call: Call) -> dict[str, Any]:
    """`GET /positions`: what the account holds, by instrument."""
    positions = []
    for position in call.accounts.positions(call.account):
        instrument = call.market.instruments[position.instrument]
        positions.append(
            {
                "symbol": instrument.symbol,
                "currency": instrument.currency,
                "quantity": position.quantity,
                "available_quantity": position.available,
                "frozen_quantity": position.frozen,
                "average_price": position.average_cost,
                "average_price_decimals": instrument.currency_decimals,
                "total_cost": position.total_cost,
                "currency_decimals": instrument.currency_decimals,
                "created_at": time_text_or_none(position.created_ns),
                "updated_at": time_text_or_none(position.updated_ns),
            }
        )
    return {"positions": positions}
