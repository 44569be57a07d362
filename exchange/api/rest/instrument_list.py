"""The answer of ``GET /instruments``: made once, and again only when something in it has changed.

Who uses it: market.py. The list of a thousand instruments has 300 KB, and anybody may ask for it.
What never changes of an instrument is one text; fees, states and prices are compared with those of
the answer before. Compressing would hold up everybody else, so a thread does it, once an answer has
been asked for; until it is done the plain text is sent.

Decision API-10.
"""

from __future__ import annotations

import asyncio
import gzip
import os
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import orjson

from exchange.api.errors import success_body
from exchange.api.rest.row_json import Column, RowWriter, quoted
from exchange.api.rest.row_text import NUMBER_OR_NULL, TEXT, TIME_OR_NULL
from exchange.codes import InstrumentState

if TYPE_CHECKING:
    from exchange.read_model.accounts.model import AccountModel
    from exchange.read_model.market.model import MarketModel

STATES = [state.name.lower() for state in InstrumentState]
COMPRESSION_LEVEL = 5


class Made(NamedTuple):
    """A whole answer. ``compressed``: by gzip, None: not yet."""

    body: bytes
    etag: str
    compressed: bytes | None


class InstrumentList:
    """``market``, ``accounts``: the models that it is made from."""

    def __init__(self, market: MarketModel, accounts: AccountModel) -> None:
        self._market = market
        self._accounts = accounts
        self._boot = os.urandom(6).hex()  # another process counts from 0 again
        self._version = 0
        self._writer: RowWriter | None = None
        self._numbers = np.zeros(0, np.int64)  # of the instruments, ascending
        self._rows = np.zeros((0, 0), np.int64)
        self._body = b""
        self._compressed: bytes | None = None
        self._compressing: asyncio.Task[None] | None = None

    def look(self, compress: bool) -> Made:
        """The answer as of now; ``compress``: the client understands gzip."""
        listing = self._market.listing()
        if len(listing) != len(self._numbers):
            self._numbers = np.array(sorted(self._market.instruments), np.int64)
        rates = self._accounts.fee_rates(self._numbers)
        rows = np.column_stack([rates, listing])
        if self._writer is None or len(rows) != len(self._rows):
            self._writer = self._make_writer()
            self._remember(rows)
        elif not np.array_equal(rows, self._rows):
            self._remember(rows)
        if compress and self._compressed is None and self._compressing is None:
            self._compressing = asyncio.get_running_loop().create_task(self._compress())
        return Made(self._body, f'"{self._boot}-{self._version}"', self._compressed)

    def _make_writer(self) -> RowWriter:
        """With a text of what never changes for each instrument, in the order of their numbers."""
        terms = [
            orjson.dumps(
                {
                    "symbol": terms.symbol,
                    "price_decimals": terms.price_decimals,
                    "tick": terms.tick,
                    "lot": terms.lot,
                    "minimum_price": terms.minimum_price,
                    "maximum_price": terms.maximum_price,
                    "maximum_quantity": terms.maximum_quantity,
                    "currency": terms.currency,
                    "currency_decimals": terms.currency_decimals,
                    "group": terms.group,
                    "minimum_notional": 0,
                }
            )[1:-1]
            for _, terms in sorted(self._market.instruments.items())
        ]
        return RowWriter(
            [
                Column("", TEXT, terms),
                Column("maker_fee_ppm"),
                Column("taker_fee_ppm"),
                Column("state", TEXT, quoted(STATES)),
                Column("state_until", TIME_OR_NULL),
                Column("reference_price", NUMBER_OR_NULL),
                Column("last_price", NUMBER_OR_NULL),
            ]
        )

    def _remember(self, rows: np.ndarray) -> None:
        assert self._writer is not None
        numbered = np.column_stack([np.arange(len(rows)), rows])
        self._rows = rows
        self._body = success_body({"instruments": orjson.Fragment(self._writer.make(numbered))})
        self._version += 1
        self._compressed = None

    async def _compress(self) -> None:
        body = self._body
        compressed = await asyncio.to_thread(gzip.compress, body, COMPRESSION_LEVEL, mtime=0)
        self._compressing = None
        if body is self._body:
            self._compressed = compressed
