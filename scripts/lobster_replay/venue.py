"""An exchange of our own for one day: temporary data directory, free port, always cleaned up."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from exchange.gateway.passwords import hash_password
from scripts.benchmarks import own_exchange
from scripts.lobster_replay.transport import TransportError

USERNAME, PASSWORD = "LOBST", "lobster"
INSTRUMENT = 1
PRICE_PER_UNIT = 10_000  # LOBSTER's prices and the wire's alike
QUANTITY_MAXIMUM = 10_000_000
ACCOUNT = 1
FEE_ACCOUNT = 2
MONEY_UNITS = 1_000_000_000_000


class Venue(NamedTuple):
    data_directory: Path
    port: int


@contextlib.contextmanager
def running(symbol: str, tick: int, maximum_price: int) -> Iterator[Venue]:
    """Start `exchange run` with one instrument and one session. Prices in 1/10,000."""
    with own_exchange.own_folder("lobster-") as folder:
        settings = _write_settings(folder, symbol, tick, maximum_price)
        try:
            with own_exchange.running(folder, settings) as (_, state):
                port = own_exchange.port_of(state.order_entry)
                yield Venue(folder / own_exchange.DATA, port)
        except own_exchange.ExchangeFailed as failure:
            raise TransportError(str(failure)) from failure


def _write_settings(folder: Path, symbol: str, tick: int, maximum_price: int) -> Path:
    settings = folder / "exchange.toml"
    settings.write_text(
        '[exchange]\ninstruments_file = "instruments.toml"\nsessions_file = "sessions.toml"\n'
        '[day]\nroll = "manual"\n[order_entry]\nport = 0\n[health]\nport = 0\n[feed]\nport = 0\n'
        '[api]\nenabled = false\n[store]\ndsn = "off"\n[snapshot]\nenabled = false\n'
        "[risk]\nprice_band_percent = 0\ncollar_percent = 0\nreview_value = 0\n"
        "breaker_percent = 0\norders_per_day = 0\norders_per_second = 0\n"
        "session_orders_per_second = 0\ncancel_ratio_percent = 0\n"
    )
    # One account trades with itself (self-trade prevention is off): the file says nothing about
    # who its traders are, and only one connection keeps the order of its messages.
    (folder / "accounts.toml").write_text(
        f'[[currency]]\nid = 1\ncode = "USD"\ndecimals = 4\nfee_account = {FEE_ACCOUNT}\n'
        f"[[account]]\nid = {FEE_ACCOUNT}\n"
        f"[[account]]\nid = {ACCOUNT}\nmoney = {{ USD = {MONEY_UNITS} }}\n"
        f"stock = {{ {json.dumps(symbol)} = {_stock(maximum_price)} }}\n"
    )
    (folder / "instruments.toml").write_text(
        f"[[instrument]]\nid = {INSTRUMENT}\nsymbol = {json.dumps(symbol)}\n"
        'currency = "USD"\n'
        f"price_decimals = 4\ntick = {_units(tick)}\nlot = 1\nminimum_price = {_units(tick)}\n"
        f"maximum_price = {_units(maximum_price)}\nmaximum_quantity = {QUANTITY_MAXIMUM}\n"
    )
    (folder / "sessions.toml").write_text(
        f'[[session]]\nid = 1\nusername = "{USERNAME}"\naccount = {ACCOUNT}\n'
        f'password = "{hash_password(PASSWORD)}"\n'
    )
    return settings


def _stock(maximum_price: int) -> int:
    """Half of what one account may hold at this price (see *Bounds* in docs/matching.md)."""
    return min(1 << 40, (1 << 61) // maximum_price) // 2


def _units(price: int) -> str:
    return f"{price // PRICE_PER_UNIT}.{price % PRICE_PER_UNIT:04d}"
