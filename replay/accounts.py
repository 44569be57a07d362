"""``exchange-replay accounts``: who owned what after a command, from the rebuilt engine state.

``ledger_of`` reads the engine's tables into the terms of ``exchange/recovery/ledger.py``;
``verify`` compares that with the ledger that the events alone give, and starts the latter from it
where the journal begins at a snapshot.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from exchange.codes import Side
from exchange.engine.state import layout
from exchange.engine.state.layout import EngineState
from exchange.records import word_text
from exchange.recovery.ledger import (
    Balance,
    CurrencyTerms,
    InstrumentTerms,
    Ledger,
    LiveOrder,
    Position,
    need,
)
from replay.book import live_orders
from replay.directory import Directory, decimal_text

AVERAGE_COST_EXTRA_DECIMALS = 4


def ledger_of(state: EngineState) -> Ledger:
    """The accounts, positions and live orders of ``state``."""
    ledger = Ledger()
    ledger.next_event = int(state.scalars[layout.NEXT_EVENT])
    for number, row in enumerate(state.currencies.reshape(-1, layout.CURRENCY_WORDS).tolist()):
        if layout.CURRENCY_DEFINED.of(row):
            ledger.currencies[number] = CurrencyTerms(
                layout.CURRENCY_DECIMALS.of(row),
                layout.CURRENCY_FEE_ACCOUNT.of(row),
                layout.CURRENCY_NET_MONEY.of(row),
            )
    instruments = state.instruments.reshape(-1, layout.INSTRUMENT_WORDS)
    ledger.default_rates = (
        int(instruments[0, layout.INSTRUMENT_MAKER_FEE]),
        int(instruments[0, layout.INSTRUMENT_TAKER_FEE]),
    )
    for instrument in np.flatnonzero(layout.INSTRUMENT_DEFINED.column(instruments)).tolist():
        row = instruments[instrument].tolist()
        ledger.instruments[instrument] = InstrumentTerms(
            currency=layout.INSTRUMENT_CURRENCY.of(row),
            multiplier=row[layout.INSTRUMENT_MULTIPLIER],
            maker_rate=row[layout.INSTRUMENT_MAKER_FEE],
            taker_rate=row[layout.INSTRUMENT_TAKER_FEE],
            net_stock=row[layout.INSTRUMENT_NET_STOCK],
        )
    sessions = state.sessions.reshape(-1, layout.SESSION_WORDS)
    opened = layout.SESSION_FLAGS.column(sessions) & layout.SESSION_DEFINED_FLAG
    for session in np.flatnonzero(opened).tolist():
        ledger.sessions[session] = layout.SESSION_ACCOUNT.of(sessions[session])
    accounts = state.accounts.reshape(-1, layout.ACCOUNT_WORDS)
    defined = accounts[:, layout.ACCOUNT_FLAGS] & layout.ACCOUNT_DEFINED_FLAG
    for account in np.flatnonzero(defined).tolist():
        ledger.accounts.add(account)
        balances = accounts[account, layout.ACCOUNT_BALANCES :].tolist()
        for currency in ledger.currencies:
            balance, frozen = balances[2 * currency : 2 * currency + 2]
            if balance or frozen:
                ledger.balances[account, currency] = Balance(balance, frozen)
    positions = state.positions.reshape(-1, layout.POSITION_WORDS)
    for slot in np.flatnonzero(layout.POSITION_NAME.column(positions)).tolist():
        row = positions[slot].tolist()
        key = layout.POSITION_NAME.of(row) - 1
        ledger.positions[key >> 16, key & 0xFFFF] = Position(
            layout.POSITION_QUANTITY.of(row),
            layout.POSITION_FROZEN.of(row),
            layout.POSITION_COST.of(row),
            layout.POSITION_OPEN_BUYS.of(row),
            layout.POSITION_OPEN_SHORTS.of(row),
        )
    for order in live_orders(state):
        ledger.orders[int(order["order_id"])] = LiveOrder(
            account=ledger.sessions[int(order["session"])],
            instrument=int(order["instrument"]),
            side=int(order["side"]),
            price=int(order["price"]),
            open=int(order["open"]) + int(order["hidden"]),
        )
    return ledger


def frozen_problems(ledger: Ledger) -> list[str]:
    """Where frozen amounts are not what the live orders need; empty when all is well.

    Meant for a ledger that has not summed them up itself: one from ``ledger_of``.
    """
    wanted = Ledger()
    for order in ledger.orders.values():
        position = wanted.position(order.account, order.instrument)
        if order.side == Side.BUY:
            terms = ledger.instruments[order.instrument]
            money = wanted.balance(order.account, terms.currency)
            money.frozen += need(terms, order.price, order.open)
            position.open_buys += order.open
        elif order.side == Side.SELL:
            position.frozen += order.open
        else:
            position.open_shorts += order.open
    wrong = []
    for key in sorted(ledger.balances.keys() | wanted.balances.keys()):
        frozen = ledger.balances.get(key, Balance()).frozen
        needed = wanted.balances.get(key, Balance()).frozen
        if frozen != needed:
            wrong.append(
                f"account {key[0]}, currency {key[1]}: {frozen} frozen, live orders need {needed}"
            )
    for key in sorted(ledger.positions.keys() | wanted.positions.keys()):
        held, live = (book.positions.get(key, Position()) for book in (ledger, wanted))
        for name in ("frozen", "open_buys", "open_shorts"):
            found, needed = getattr(held, name), getattr(live, name)
            if found != needed:
                wrong.append(
                    f"account {key[0]}, instrument {key[1]}: {name} is {found}, live orders say "
                    f"{needed}"
                )
    return wrong


def account_fields(
    ledger: Ledger, state: EngineState, directory: Directory, account: int | None = None
) -> list[dict[str, Any]]:
    """One dictionary per account: sessions, balances and positions, amounts as exact decimals.

    The average cost is rounded down to four places more than the instrument's prices have.
    """
    currencies = state.currencies.reshape(-1, layout.CURRENCY_WORDS)

    def money(currency: int, amount: int) -> str:
        return decimal_text(amount, ledger.currencies[currency].decimals)

    def position_fields(instrument: int, position: Position) -> dict[str, Any]:
        terms = ledger.instruments[instrument]
        decimals = directory.decimals.get(instrument, 0)
        average = ""
        if position.quantity:
            scaled = abs(position.cost) * 10**AVERAGE_COST_EXTRA_DECIMALS
            average = decimal_text(
                scaled // (abs(position.quantity) * terms.multiplier),
                decimals + AVERAGE_COST_EXTRA_DECIMALS,
            )
        return {
            "instrument": directory.symbol(instrument),
            "quantity": position.quantity,
            "available": position.quantity - position.frozen,
            "frozen": position.frozen,
            "average_cost": average,
            "total_cost": money(terms.currency, position.cost),
            "open_buys": position.open_buys,
            "open_shorts": position.open_shorts,
        }

    found = []
    for number in sorted(ledger.accounts if account is None else {account} & ledger.accounts):
        found.append(
            {
                "account": number,
                "sessions": [
                    directory.username(session)
                    for session, owner in sorted(ledger.sessions.items())
                    if owner == number
                ],
                "live_orders": sum(o.account == number for o in ledger.orders.values()),
                "balances": [
                    {
                        "currency": word_text(currencies[currency, 1]),
                        "balance": money(currency, row.balance),
                        "available": money(currency, row.available),
                        "frozen": money(currency, row.frozen),
                    }
                    for (owner, currency), row in sorted(ledger.balances.items())
                    if owner == number
                ],
                "positions": [
                    position_fields(instrument, row)
                    for (owner, instrument), row in sorted(ledger.positions.items())
                    if owner == number
                ],
            }
        )
    return found
