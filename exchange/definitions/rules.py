"""What may be defined: names, numbers, ranges and references, checked in one place.

Who uses it: the loaders of the configuration files, ``exchange admin``, the daemon for whatever
comes through its control socket (``control/door.py``), and the matcher, which takes its bounds from
here. A definition that was journaled can never be taken back, so nothing goes to the journal that
these rules refuse. Invariants: a name belongs to one number for ever; a name is printable ASCII
without a space, so no two names look the same; upper and lower case are different names.

Decision CTL-8.
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

from exchange.codes import WIRE_PRICE_DECIMALS, Reject

SYMBOL_PATTERN = r"^[A-Za-z0-9._/&+*=:^$@!~-][A-Za-z0-9._/&+*=:^$@!~#-]{0,7}\Z"
USERNAME_PATTERN = r"^[A-Za-z0-9]{1,6}\Z"
CURRENCY_PATTERN = r"^[A-Z0-9]{1,8}\Z"
GROUP_PATTERN = r"^[!-~]{1,16}\Z"
# `#7` stands for number 7, so no symbol begins with it
SYMBOL_RULE = "1 to 8 letters, digits or . _ / & + * = : ^ $ @ ! ~ # -, not # first"
USERNAME_RULE = "1 to 6 letters and digits"
CURRENCY_RULE = "1 to 8 capital letters and digits"

MAXIMUM_DECIMALS = 8
MAXIMUM_TICKS = 1 << 30  # prices in ticks are below it
MAXIMUM_PRICE = 1 << 47
MAXIMUM_QUANTITY = 1 << 40
MAXIMUM_VALUE = 1 << 56  # of an order: maximum price x multiplier x maximum quantity
MAXIMUM_WIRE_PRICE = 0x7FFF_FFFE  # in 1/10,000; the number after it is OUCH's market order
MAXIMUM_CURRENCIES = 8
MAXIMUM_GROUP = 255


class Refusal(NamedTuple):
    """One thing that is wrong. ``key``: as in the files; ``what``: what is allowed, in words.

    ``reject``: the number that the matcher would answer, NONE where it has none.
    """

    key: str
    what: str
    reject: Reject


class InstrumentTerms(NamedTuple):
    """What never changes of an instrument. Prices in minor units."""

    symbol: str
    tick: int
    lot: int
    price_decimals: int
    minimum_price: int
    maximum_price: int
    maximum_quantity: int
    currency: int
    group: int


def _price(minor: int, decimals: int) -> str:
    """A price as people write it."""
    with decimal.localcontext(prec=60):
        return f"{Decimal(minor).scaleb(-decimals).normalize():f}"


def range_problems(
    terms: InstrumentTerms, currency: str, currency_decimals: int, reference: int | None = None
) -> Iterator[Refusal]:
    """What is wrong with the numbers of an instrument that is traded in ``currency``.

    ``reference``: the first reference price in minor units, if there is one. After a problem those
    that depend on it are not looked for.
    """

    def wrong(key: str, what: str) -> Refusal:
        return Refusal(key, what, Reject.INVALID_INSTRUMENT)

    decimals, tick = terms.price_decimals, terms.tick
    if not 0 <= decimals <= MAXIMUM_DECIMALS:
        yield wrong("price_decimals", f"must be from 0 to {MAXIMUM_DECIMALS}")
        return
    if decimals > currency_decimals:
        yield wrong(
            "price_decimals", f"must not be more than those of {currency} ({currency_decimals})"
        )
        return
    if tick < 1:
        yield wrong("tick", "must be positive")
        return
    if terms.lot < 1:
        yield wrong("lot", "must be at least 1")
        return
    prices = {"minimum_price": terms.minimum_price, "maximum_price": terms.maximum_price}
    if reference is not None:
        prices["reference_price"] = reference
    problems = [
        wrong(key, f"must be a multiple of the tick, {_price(tick, decimals)}")
        for key, price in prices.items()
        if price % tick
    ]
    if terms.minimum_price < tick:
        problems.append(
            wrong("minimum_price", f"must be at least the tick, {_price(tick, decimals)}")
        )
    if terms.maximum_price < terms.minimum_price:
        problems.append(wrong("maximum_price", "must not be below minimum_price"))
    if terms.maximum_price > MAXIMUM_PRICE or terms.maximum_price // tick >= MAXIMUM_TICKS:
        problems.append(wrong("maximum_price", "must be below 2^30 ticks and 2^47 minor units"))
    if not terms.lot <= terms.maximum_quantity <= MAXIMUM_QUANTITY:
        problems.append(wrong("maximum_quantity", "must be from one lot to 2^40"))
    multiplier = 10 ** (currency_decimals - decimals)
    if not problems and terms.maximum_price * multiplier * terms.maximum_quantity > MAXIMUM_VALUE:
        what = f"times maximum_price must not exceed 2^56 minor units of {currency}"
        problems.append(wrong("maximum_quantity", what))
    if reference and not terms.minimum_price <= reference <= terms.maximum_price:
        problems.append(wrong("reference_price", "must be from minimum_price to maximum_price"))
    yield from problems


def wire_problems(terms: InstrumentTerms) -> Iterator[Refusal]:
    """Prices of an instrument that OUCH cannot tell, which counts 1/10,000 in 31 bits.

    An execution may be at any price of the instrument, so the definition is refused: a price that
    was told would be another one.
    """
    decimals = terms.price_decimals
    finer = 10 ** max(decimals - WIRE_PRICE_DECIMALS, 0)
    if terms.tick % finer:
        what = f"must be a multiple of {_price(1, WIRE_PRICE_DECIMALS)}: OUCH has no finer prices"
        yield Refusal("tick", what, Reject.INVALID_INSTRUMENT)
    coarser = 10 ** max(WIRE_PRICE_DECIMALS - decimals, 0)
    if terms.maximum_price * coarser // finer > MAXIMUM_WIRE_PRICE:
        highest = _price(MAXIMUM_WIRE_PRICE, WIRE_PRICE_DECIMALS)
        what = f"must be at most {highest}: OUCH cannot tell a higher price"
        yield Refusal("maximum_price", what, Reject.INVALID_INSTRUMENT)


def number_problem(number: int, capacity: int, section: str, reject: Reject) -> Iterator[Refusal]:
    """Whether ``number`` is from 1 to below ``capacity`` (records of [capacity] ``section``)."""
    if not 0 < number < capacity:
        what = f"must be from 1 to {capacity - 1}: below capacity.{section} ({capacity})"
        yield Refusal("id", what, reject)


def symbol_problems(
    number: int, symbol: str, symbols: Mapping[str, int], codes: Iterable[str]
) -> Iterator[Refusal]:
    """What is wrong with the symbol of instrument ``number``.

    ``symbols``: symbol -> number of what is defined; ``codes``: of the currencies, because a
    deposit names one or the other.
    """
    if not re.match(SYMBOL_PATTERN, symbol):
        yield Refusal("symbol", f"{symbol!r} is not {SYMBOL_RULE}", Reject.INVALID_INSTRUMENT)
    elif symbols.get(symbol, number) != number:
        what = f"{symbol!r} is already the symbol of instrument {symbols[symbol]}"
        yield Refusal("symbol", what, Reject.INSTRUMENT_EXISTS)
    elif symbol in codes:
        what = f"{symbol!r} is the code of a currency"
        yield Refusal("symbol", what, Reject.INVALID_INSTRUMENT)


def username_problems(
    number: int, username: str, usernames: Mapping[str, int]
) -> Iterator[Refusal]:
    """What is wrong with the user name of session ``number``. ``usernames``: name -> number."""
    if not re.match(USERNAME_PATTERN, username):
        yield Refusal("username", f"{username!r} is not {USERNAME_RULE}", Reject.NONE)
    elif usernames.get(username, number) != number:
        what = f"{username!r} is already the user name of session {usernames[username]}"
        yield Refusal("username", what, Reject.SESSION_EXISTS)


def code_problems(
    number: int, code: str, codes: Mapping[str, int], symbols: Iterable[str]
) -> Iterator[Refusal]:
    """What is wrong with the code of currency ``number``. ``codes``: code -> number."""
    if not re.match(CURRENCY_PATTERN, code):
        yield Refusal("code", f"{code!r} is not {CURRENCY_RULE}", Reject.INVALID_CURRENCY)
    elif codes.get(code, number) != number:
        what = f"{code!r} is already the code of currency {codes[code]}"
        yield Refusal("code", what, Reject.CURRENCY_EXISTS)
    elif code in symbols:
        what = f"{code!r} is the symbol of an instrument"
        yield Refusal("code", what, Reject.INVALID_CURRENCY)
