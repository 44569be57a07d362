"""An exchange of our own for one day: temporary data directory, free port, always cleaned up."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from exchange.gateway.passwords import hash_password
from scripts.lobster_replay.transport import TransportError

ROOT = Path(__file__).resolve().parent.parent.parent
START_DEADLINE_S = 600.0  # the first start of a source tree compiles
STOP_DEADLINE_S = 60.0
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
    with tempfile.TemporaryDirectory(prefix="lobster-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        port = _free_port()
        _write_settings(folder, port, symbol, tick, maximum_price)
        log = folder / "daemon.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "exchange.cli", "run"),
                    *("--config", str(folder / "exchange.toml")),
                    *("--data-dir", str(folder / "data")),
                ],
                cwd=ROOT,
                stdout=output,
                stderr=output,
            )
        try:
            _wait_until_listening(process, port, log)
            yield Venue(folder / "data", port)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(STOP_DEADLINE_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline_s = time.monotonic() + START_DEADLINE_S
    while True:
        if process.poll() is not None or time.monotonic() > deadline_s:
            tail = log.read_text(errors="replace")[-4_000:]
            raise TransportError(f"the exchange did not start (exit {process.poll()}):\n{tail}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)


def _write_settings(folder: Path, port: int, symbol: str, tick: int, maximum_price: int) -> None:
    (folder / "exchange.toml").write_text(
        '[exchange]\ninstruments_file = "instruments.toml"\nsessions_file = "sessions.toml"\n'
        f'[day]\nroll = "manual"\n[order_entry]\nport = {port}\n'
        '[api]\nenabled = false\n[store]\ndsn = "off"\n'
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


def _stock(maximum_price: int) -> int:
    """Half of what one account may hold at this price (see *Bounds* in docs/matching.md)."""
    return min(1 << 40, (1 << 61) // maximum_price) // 2


def _units(price: int) -> str:
    return f"{price // PRICE_PER_UNIT}.{price % PRICE_PER_UNIT:04d}"
