"""An exchange of the benchmark's own with one funded session, and a client of it."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import orjson

from exchange.gateway.passwords import hash_password
from exchange.runtime.run_file import read_run_file
from exchange.settings import DEFAULT_FILE
from scripts.benchmarks import own_exchange

ROOT = Path(__file__).resolve().parent.parent.parent
PREFIX = "exchange-bench-"
# The clients here send no heartbeats, and their loops compile after the login: on a slow machine
# that took longer than the 15 s after which the exchange, rightly, closes a silent connection.
CLIENT_TIMEOUT_MS = 600_000
USERNAME = "BENCH"
PASSWORD = "benchmark"
FEE_ACCOUNT = 1
ACCOUNT = 2
# One account with enough of everything, in the currencies of config/instruments.toml.
ACCOUNTS = f"""
[[currency]]
id = 1
code = "USD"
decimals = 4
fee_account = {FEE_ACCOUNT}
[[currency]]
id = 2
code = "TWD"
decimals = 2
fee_account = {FEE_ACCOUNT}
[[account]]
id = {FEE_ACCOUNT}
[[account]]
id = {ACCOUNT}
money = {{ USD = 5_000_000_000_000, TWD = 5_000_000_000_000 }}
stock = {{ AAPL = 500_000_000, AMZN = 500_000_000, MSFT = 500_000_000, GOOG = 500_000_000 }}
"""
# Every control is on, and wide enough to refuse, hold and halt nothing. Only self-trade prevention
# is off: the one session trades with itself.
CONTROLS_ON = """
[risk]
maker_fee_basis_points = -0.2
taker_fee_basis_points = 1
price_band_percent = 95
collar_percent = 50
review_value = 10_000_000_000
breaker_percent = 90
breaker_window_s = 60
breaker_halt_s = 1
orders_per_day = 2_000_000_000
open_orders = 2_000_000_000
position_limit = 1_000_000_000
orders_per_second = 1_000_000_000
burst = 1_000_000
session_orders_per_second = 1_000_000_000
session_burst = 1_000_000
cancel_ratio_percent = 100
cancel_ratio_window_s = 60
cancel_ratio_minimum = 2_000_000_000
"""
CONTROLS_OFF = """
[risk]
price_band_percent = 0
collar_percent = 0
review_value = 0
breaker_percent = 0
orders_per_day = 0
orders_per_second = 0
session_orders_per_second = 0
cancel_ratio_percent = 0
"""
CONGESTION_CONTROL = b"cubic"


class Venue(NamedTuple):
    """A running exchange."""

    data: Path
    port: int
    process: subprocess.Popen[bytes]
    settings: Path

    def status(self) -> dict:  # type: ignore[type-arg]
        """`exchange status --json`."""
        output = subprocess.run(
            [sys.executable, "-m", "exchange.cli", "status", "--json", "--data-dir", self.data],
            cwd=ROOT, check=True, capture_output=True,
        ).stdout  # fmt: skip
        decoded = orjson.loads(output)
        assert isinstance(decoded, dict)
        return decoded

    def stage_pid(self, name: str) -> int:
        """The pid of the stage "api", "matcher", ..."""
        state = read_run_file(self.data)
        assert state is not None
        return state.stages[name].pid

    def listener_port(self, name: str) -> int:
        """The port of the listener "api", "health" or "feed"."""
        state = read_run_file(self.data)
        assert state is not None
        return own_exchange.port_of(state.addresses[name])


def without_web(overrides: str) -> str:
    """TOML that switches off what ``overrides`` does not mention: api, store and snapshots.

    What is measured is the core and order entry, unless a benchmark says otherwise. Ports are free
    ones, so that several exchanges may run.
    """
    sections = {
        "[api]": "enabled = false",
        "[store]": 'dsn = "off"',
        "[health]": "port = 0",
        "[metrics]": "port = 0",
        "[feed]": "port = 0",
        "[snapshot]": "enabled = false",
    }
    return "".join(f"{name}\n{line}\n" for name, line in sections.items() if name not in overrides)


def overrides(path: Path | None) -> str:
    """The text of ``path``; its sections must be others than those that ``running`` writes."""
    return "" if path is None else path.read_text()


@contextlib.contextmanager
def running(
    overrides: str = "",
    directory: Path | None = None,
    *,
    controls: bool = True,
    accounts: str = ACCOUNTS,
    instruments: str | None = None,
) -> Iterator[Venue]:
    """Start `exchange run` with the default configuration and ``overrides`` (TOML text).

    ``controls``: with every risk control, or without any; the account is funded in both cases.
    ``accounts``, ``instruments``: texts of these files; instruments None: the shipped ones. Without
    ``[api]`` and ``[store]`` in ``overrides`` neither runs.
    """
    with own_exchange.own_folder(PREFIX, directory) as folder:
        settings = folder / "bench.toml"
        if instruments is None:
            instruments = (DEFAULT_FILE.parent / "instruments.toml").read_text()
        (folder / "instruments.toml").write_text(instruments)
        settings.write_text(
            f'[exchange]\nsessions_file = "bench_sessions.toml"\n'
            f'accounts_file = "bench_accounts.toml"\n[day]\nroll = "manual"\n'
            f"[order_entry]\nport = 0\nclient_timeout_ms = {CLIENT_TIMEOUT_MS}\n"
            f"{CONTROLS_ON if controls else CONTROLS_OFF}{without_web(overrides)}{overrides}"
        )
        (folder / "bench_sessions.toml").write_text(
            f'[[session]]\nid = 1\nusername = "{USERNAME}"\n'
            f'password = "{hash_password(PASSWORD)}"\naccount = {ACCOUNT}\n'
        )
        (folder / "bench_accounts.toml").write_text(accounts)
        with own_exchange.running(folder, settings) as (process, state):
            data = folder / own_exchange.DATA
            yield Venue(data, own_exchange.port_of(state.order_entry), process, settings)


def connect(port: int) -> socket.socket:
    """A TCP connection as a fast client makes it: no Nagle, window-based congestion control.

    A pacing congestion control (bbr) spreads sends over time even on loopback; cubic does not.
    """
    client = socket.create_connection(("127.0.0.1", port))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(OSError):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, CONGESTION_CONTROL)
    return client


def log_in(
    client: socket.socket, username: str = USERNAME, password: str = PASSWORD
) -> tuple[str, int]:
    """Log in from the next message on; returns (session name, next sequence number)."""
    payload = username.encode().ljust(6) + password.encode().ljust(10) + b" " * 10 + b"0".rjust(20)
    client.sendall((len(payload) + 1).to_bytes(2, "big") + b"L" + payload)
    while True:
        length = int.from_bytes(_receive(client, 2), "big")
        packet = _receive(client, length)
        if packet[:1] == b"A":
            return packet[1:11].decode().strip(), int(packet[11:31])
        if packet[:1] != b"H":
            raise RuntimeError(f"login refused: {packet!r}")


def _receive(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = client.recv(size - len(data))
        if not part:
            raise RuntimeError("connection closed by the exchange")
        data += part
    return data
