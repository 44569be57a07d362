"""``exchange order``: logs in, sends one order, prints the answers.

Who uses it: the command line. Prices are decimal on the command line and integers of 1/10,000 on
the wire; nothing is ever a float.
"""

from __future__ import annotations

import argparse
import decimal
import json
import secrets
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from exchange.client.order_entry import ConnectionEnded, LoginRefused, OrderEntryClient, Sequenced
from exchange.errors import ConfigurationError, ExitStatus, NotRunning, Refused
from exchange.gateway.protocol import ouch

WIRE_SCALE = 10_000
SIDES = {"buy": "B", "sell": "S", "short": "T"}
TIMES_IN_FORCE = {"day": 99_999, "ioc": 0, "fok": 0}
QUIET_S = 0.3  # the answers are complete when none has come for this long
_PRICES = ("price", "reference_price")


class Order(NamedTuple):
    """An order as the wire says it. price: 1/10,000; PRICE_MARKET for a market order."""

    side: str
    quantity: int
    symbol: str
    price: int


def parse_order(arguments: list[str]) -> Order:
    """``buy 100 AAPL @ 150.00``; without ``@ PRICE`` a market order. Raises ConfigurationError."""
    usage = "an order is: buy|sell|short QUANTITY SYMBOL [@ PRICE]"
    arguments = " ".join(arguments).replace("@", " @ ").split()
    if len(arguments) not in (3, 5) or arguments[0].lower() not in SIDES:
        raise ConfigurationError(usage)
    if not arguments[1].isdecimal() or not 0 < int(arguments[1]) < 1 << 32:
        raise ConfigurationError(f"QUANTITY must be an integer from 1 to {(1 << 32) - 1}; {usage}")
    if not 1 <= len(arguments[2]) <= 8 or not arguments[2].isascii():
        raise ConfigurationError(f"SYMBOL has 1 to 8 characters; {usage}")
    price = ouch.PRICE_MARKET
    if len(arguments) == 5:
        try:
            scaled = Decimal(arguments[4]) * WIRE_SCALE
        except decimal.InvalidOperation:
            raise ConfigurationError(f"PRICE must be a decimal number; {usage}") from None
        right = scaled.is_finite() and 0 < scaled < ouch.PRICE_MARKET and scaled % 1 == 0
        if arguments[3] != "@" or not right:
            raise ConfigurationError(
                f"PRICE must be positive, with at most 4 decimals, below "
                f"{ouch.PRICE_MARKET / WIRE_SCALE}; {usage}"
            )
        price = int(scaled)
    return Order(SIDES[arguments[0].lower()], int(arguments[1]), arguments[2], price)


def _decimal(price: int) -> str:
    """A wire price with its trailing zeros cut to two decimals."""
    text = f"{price // WIRE_SCALE}.{price % WIRE_SCALE:04d}"
    return text[:-2] if text.endswith("00") else text


def readable(message: Sequenced) -> dict[str, Any]:
    """A message's fields with decimal prices, for people and for JSON."""
    fields: dict[str, Any] = {"sequence": message.sequence, "message": message.name}
    for name, value in message.fields.items():
        if name in _PRICES and isinstance(value, int):
            value = "market" if value == ouch.PRICE_MARKET else _decimal(value)
        elif isinstance(value, str):
            value = value.strip()
        fields[name] = value
    return fields


def meaning(message: Sequenced) -> list[str]:
    """The names of the reasons that a reject's or a cancel's letter stands for; one or several."""
    names: Mapping[Any, str] = {}
    if message.letter in ("J", "I"):
        names = ouch.REJECT_LETTERS
    elif message.letter in ("C", "D"):
        names = ouch.CANCEL_REASON_LETTERS
    letter = message.fields.get("reason")
    return [reason.name for reason, each in names.items() if each == letter]


def sentence(message: Sequenced) -> str:
    """Why an order was refused, for people."""
    reasons = [name.lower().replace("_", " ") for name in meaning(message)]
    text = f"the order was refused: {' or '.join(reasons) or 'no reason is known'}"
    names = ", ".join(meaning(message))
    return f"{text} (reason {message.fields.get('reason')}: {names})"


def _print(message: Sequenced, as_json: bool) -> None:
    fields = readable(message)
    if reasons := meaning(message):
        fields["reason_names" if as_json else "means"] = reasons if as_json else "|".join(reasons)
    if as_json:
        print(json.dumps(fields), flush=True)
        return
    head = f"{fields.pop('sequence'):>6}  {fields.pop('message'):<14}"
    shown = (f"{name}={value}" for name, value in fields.items() if value not in ("", None))
    print(head + " ".join(shown), flush=True)


def _time_in_force(text: str) -> int:
    if text in TIMES_IN_FORCE:
        return TIMES_IN_FORCE[text]
    if text.isdecimal() and 0 < int(text) < 99_998:
        return int(text)
    raise ConfigurationError("--time-in-force is day, ioc, fok or seconds from 1 to 99997")


def _check_login(user: str, password: str) -> None:
    """Raise ConfigurationError about what a login request has no room for."""
    for name, text, most in (("--user", user, 6), ("the password", password, 10)):
        if not 1 <= len(text) <= most or not text.isascii() or not text.isprintable():
            raise ConfigurationError(f"{name} has 1 to {most} printable ASCII characters")


def send_order(options: argparse.Namespace, password: str) -> int:
    """Send the order of ``options``. Raises Refused, NotRunning, ConfigurationError."""
    order = parse_order(options.arguments)
    _check_login(options.user, password)
    time_in_force = _time_in_force(options.time_in_force)
    token = options.token or secrets.token_hex(7)
    if not 1 <= len(token) <= 14 or not token.isascii() or not token.isprintable():
        raise ConfigurationError("--token has 1 to 14 printable characters")
    try:
        with OrderEntryClient(
            options.host, options.port, connect_timeout_s=options.timeout
        ) as client:
            # sequence 0: only what comes after this login
            client.login(options.user, password, sequence=0, timeout_s=options.timeout)
            client.enter(
                token,
                order.side,
                order.quantity,
                order.symbol,
                order.price,
                time_in_force=time_in_force,
                display="P" if options.post_only else "Y",
                minimum_quantity=order.quantity if options.time_in_force == "fok" else 0,
            )
            return _answers(client, token, options)
    except LoginRefused as error:
        reasons = {"A": "not authorized", "S": "session not available"}
        raise Refused(f"login refused: {reasons.get(error.reason, error.reason)}") from None
    except ConnectionEnded as error:
        raise Refused(f"the exchange closed the connection: {error}") from None
    except OSError as error:
        raise NotRunning(
            f"no exchange answers on {options.host}:{options.port}: {error.strerror or error}"
        ) from None


def _answers(client: OrderEntryClient, token: str, options: argparse.Namespace) -> int:
    """Print messages until the order's answers have come; the exit status."""
    status = None
    refusal: Sequenced | None = None
    deadline_s = time.monotonic() + options.timeout
    while time.monotonic() < deadline_s:
        wait_s = deadline_s - time.monotonic() if status is None else QUIET_S
        message = next(client.messages(wait_s), None)
        if message is None:
            break
        _print(message, options.json)
        if str(message.fields.get("token", "")).strip() == token:
            status = ExitStatus.REFUSED if message.letter == "J" else status or ExitStatus.OK
            refusal = message if message.letter == "J" else refusal
    if status is None:
        raise Refused(f"no answer within {options.timeout:g} s (was token {token} used before?)")
    client.logout()
    if refusal is not None:
        raise Refused(sentence(refusal))
    return status
