"""Prices and money as exact decimal strings, where a request asks for ``?numbers=decimal``.

Who uses it: the REST routes, for every answer, error and body; handlers know integers only. An
answer is changed as text: digits get a point and quotes, nothing is calculated and nothing parsed,
so it is exact and costs some 0.7 µs a number. Long answers are changed in pieces between which the
event loop turns.

Invariants: a field name (scales.py) has one scale everywhere; in every answer an object's
``symbol`` or ``decimals`` comes before its numbers.

Decision API-24.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from exchange.api.errors import ApiError
from exchange.api.orders.terms import MAXIMUM_PRICE, Amendment, NewOrder, OrderBatch, invalid
from exchange.api.rest.decode import decode_untyped, typed
from exchange.api.rest.scales import (
    LEVEL_FIELDS,
    MONEY_FIELDS,
    OWN_DECIMALS_FIELDS,
    PRICE_FIELDS,
)
from exchange.settings.exact import unscaled

if TYPE_CHECKING:
    from exchange.read_model.market.model import MarketModel

DECIMAL_WEIGHT = 4  # a public answer in decimals counts as so many
PIECE_BYTES = 4_096  # about 0.2 ms
BODIES = (NewOrder, OrderBatch, Amendment)  # that have prices
_BODY_FIELDS = ("price", "stop_price")
_TEXT_MAXIMUM = 32
_DECIMAL = re.compile(r"(\d+)(?:\.(\d+))?", re.ASCII)
_PIECE_END = re.compile(rb',(?=["{\[])')
_NAMES = "|".join((*PRICE_FIELDS, *MONEY_FIELDS, *OWN_DECIMALS_FIELDS))
_LEVELS = "|".join(LEVEL_FIELDS)
_TOKEN = re.compile(
    rf'"(?:symbol":"([^"]*)"|decimals":(\d+)|({_NAMES})":(-?\d+)|({_LEVELS})":)'
    r"|\[(\d+),(?=\d)".encode()
)
_SYMBOL, _DECIMALS, _NAME, _NUMBER, _LIST, _LEVEL_PRICE = range(1, 7)
_IS_PRICE = frozenset(name.encode() for name in PRICE_FIELDS)
_IS_MONEY = frozenset(name.encode() for name in MONEY_FIELDS)


def decimal_text(digits: bytes, decimals: int) -> bytes:
    """An integer's ``digits`` (with a sign or not), which counts 10^-decimals, as a decimal."""
    if decimals == 0:
        return digits
    sign = b"-" if digits[:1] == b"-" else b""
    digits = digits[len(sign) :].rjust(decimals + 1, b"0")
    return sign + digits[:-decimals] + b"." + digits[-decimals:]


class _Writer:
    """Changes an answer's pieces in their order; remembers whose numbers they are."""

    def __init__(self, market: MarketModel) -> None:
        self._market = market
        self._price_decimals = 0
        self._currency_decimals = 0
        self._own_decimals = 0
        self._in_levels = False

    def changed(self, piece: bytes) -> bytes:
        return _TOKEN.sub(self._token, piece)

    def _token(self, found: re.Match[bytes]) -> bytes:
        name = found[_NAME]
        if name is not None:
            if name in _IS_PRICE:
                decimals = self._price_decimals
            elif name in _IS_MONEY:
                decimals = self._currency_decimals
            else:
                decimals = self._own_decimals
            return b'"%b":"%b"' % (name, decimal_text(found[_NUMBER], decimals))
        if found[_LEVEL_PRICE] is not None:
            if not self._in_levels:  # a client's own text may have brackets, but no names
                return found[0]
            return b'["%b",' % decimal_text(found[_LEVEL_PRICE], self._price_decimals)
        if found[_LIST] is not None:
            self._in_levels = True  # an answer with these lists has no client's text
            return found[0]
        if found[_SYMBOL] is not None:
            self._learn(found[_SYMBOL].decode())
        else:
            self._own_decimals = int(found[_DECIMALS])
        return found[0]

    def _learn(self, symbol: str) -> None:
        number = self._market.by_symbol.get(symbol)
        if number is not None:
            terms = self._market.instruments[number]
            self._price_decimals = terms.price_decimals
            self._currency_decimals = terms.currency_decimals


async def in_decimals(body: bytes, market: MarketModel) -> bytes:
    """The answer ``body`` with decimals; the event loop turns between its pieces."""
    writer, changed = _Writer(market), []
    for number, piece in enumerate(_pieces(body)):
        if number:
            await asyncio.sleep(0)
        changed.append(writer.changed(piece))
    return b"".join(changed)


def _pieces(body: bytes) -> Iterator[bytes]:
    """``body`` in pieces that end between two fields or rows."""
    start = 0
    while len(body) - start > PIECE_BYTES:
        end = _PIECE_END.search(body, start + PIECE_BYTES)
        if end is None:
            break
        yield body[start : end.start()]
        start = end.start()
    yield body[start:]


# --- bodies ---------------------------------------------------------------------------------------


def decode_decimal_body(
    raw: bytes, schema: type[Any], market: MarketModel, instrument: int | None
) -> Any:
    """``raw`` as a ``schema``, one of BODIES, with prices as decimal strings.

    ``instrument``: the one that an Amendment is about. Raises ApiError (MALFORMED_JSON,
    INVALID_FIELD).
    """
    data = decode_untyped(raw)
    if isinstance(data, dict):
        if schema is OrderBatch and isinstance(data.get("orders"), list):
            for number, order in enumerate(data["orders"]):
                _scale(order, f"orders[{number}].", market, None)
        elif schema is not OrderBatch:
            _scale(data, "", market, instrument)
    return typed(data, schema)


def _scale(data: Any, place: str, market: MarketModel, instrument: int | None) -> None:
    """Make the prices of ``data`` integers; what is not an object is left to the schema."""
    if not isinstance(data, dict):
        return
    symbol = data.get("symbol")
    if instrument is None and isinstance(symbol, str):
        instrument = market.by_symbol.get(symbol)
    for name in _BODY_FIELDS:
        if data.get(name) is None:
            continue
        if instrument is None:
            data[name] = 1  # the order is refused for its symbol
        else:
            decimals = market.instruments[instrument].price_decimals
            data[name] = minor_units(data[name], decimals, place + name)


def minor_units(value: Any, decimals: int, field: str) -> int:
    """The integer that the decimal string ``value`` means. Raises ApiError (INVALID_FIELD)."""
    found = None
    if isinstance(value, str) and len(value) <= _TEXT_MAXIMUM:
        found = _DECIMAL.fullmatch(value)
    fraction = "" if found is None else found[2] or ""
    if found is not None and len(fraction) <= decimals:
        number = int(found[1] + fraction.ljust(decimals, "0"))
        if 1 <= number <= MAXIMUM_PRICE:
            return number
    raise _wrong(field, decimals)


def _wrong(field: str, decimals: int) -> ApiError:
    least, most = (f"{unscaled(each, decimals):f}" for each in (1, MAXIMUM_PRICE))
    return invalid(
        field,
        f'with numbers=decimal a string is allowed, from "{least}" to "{most}", with at most '
        f"{decimals} decimals",
    )
