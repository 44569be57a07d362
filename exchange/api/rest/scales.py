"""The scale of every field that has a price or money, by its name: what an integer counts.

Who uses it: decimal_numbers.py, which writes these fields as decimals, and the OpenAPI document.
Invariant: a name has one scale in every answer and body; docs/rest.md has the same table.

Decision API-24.
"""

from __future__ import annotations

# prices, and sums of price x quantity: `price_decimals` of the instrument
PRICE_FIELDS = (
    "price",
    "stop_price",
    "average_fill_price",
    "filled_value",
    "tick",
    "minimum_price",
    "maximum_price",
    "reference_price",
    "last_price",
    "previous_close",
    "open",
    "high",
    "low",
    "close",
    "best_bid",
    "best_ask",
    "auction_price",
    "open_24h",
    "high_24h",
    "low_24h",
)
LEVEL_FIELDS = ("bids", "asks")  # lists of [price, quantity]
# `decimals` of the currency of the instrument
MONEY_FIELDS = (
    "fee",
    "turnover",
    "turnover_24h",
    "minimum_notional",
    "average_price",
    "total_cost",
)
# `decimals` of the same object
OWN_DECIMALS_FIELDS = (
    "balance",
    "frozen_balance",
    "available_balance",
    "amount",
)
