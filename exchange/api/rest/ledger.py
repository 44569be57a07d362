"""REST: the ledger of the API key's account: what each change of its balances came from.

Who uses it: the route table. A cursor carries the balances at the page's end, because the next page
tells them further back and nothing remembers them.

Decision API-23.
"""

from __future__ import annotations

import itertools
from typing import Any

from exchange.api.orders.json import time_text
from exchange.api.orders.terms import invalid
from exchange.api.rest.call import Call
from exchange.api.rest.cursor import make_cursor, read_cursor_words
from exchange.api.rest.schemas import LedgerQuery
from exchange.api.rest.time_range import time_range
from exchange.read_model.accounts.ledger_model import LedgerEntry, LedgerSelection
from exchange.read_model.accounts.types import Currency


async def get_ledger(call: Call) -> dict[str, Any]:
    """`GET /ledger`: every change of the account's balances with its cause, newest first."""
    query: LedgerQuery = call.query
    currencies = call.accounts.currencies()
    currency = None
    if query.currency is not None:
        currency = next((c.number for c in currencies.values() if c.code == query.currency), None)
        if currency is None:
            codes = ", ".join(each.code for each in currencies.values())
            raise invalid("currency", f"is unknown; allowed: {codes}")
    times = time_range(query)
    name = f"ledger {call.account} {query.currency} {times.from_ns} {times.to_ns}"
    before, balances = None, None
    if query.cursor is not None:
        before, *words = read_cursor_words(query.cursor, name, 2 * len(currencies))
        balances = dict(zip(words[::2], words[1::2], strict=False))
    selection = LedgerSelection(
        call.account, currency, times.from_ns, times.to_ns, before, balances
    )
    page = call.accounts.ledger_page(selection, query.limit)
    more = None
    if page.before_sequence is not None:
        carried = list(itertools.chain.from_iterable(page.balances.items()))
        more = make_cursor(page.before_sequence, name, carried)
    return {
        "entries": [_entry_json(call, entry, currencies) for entry in page.entries],
        "complete_from": call.accounts.complete_from,
        "next_cursor": more,
    }


def _entry_json(call: Call, entry: LedgerEntry, currencies: dict[int, Currency]) -> dict[str, Any]:
    currency = currencies[entry.currency]
    symbol = call.market.instruments[entry.instrument].symbol if entry.instrument else None
    return {
        "sequence": entry.sequence,
        "timestamp": time_text(entry.timestamp_ns),
        "currency": currency.code,
        "decimals": currency.decimals,
        "amount": entry.amount,
        "balance": entry.balance,
        "cause": entry.cause,
        "symbol": symbol,
        "order_id": entry.order_id or None,
        "trade_id": entry.trade_id or None,
    }
