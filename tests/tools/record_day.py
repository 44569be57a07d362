"""Records a small trading day with a checkout's own daemon, for ``test_older_journals.py``.

    python tests/tools/record_day.py CHECKOUT DIRECTORY

It starts ``exchange run`` of CHECKOUT, which may be of another commit than this file: it uses only
what strangers are promised, the command line, order entry's wire protocol and REST. The day has
orders of every type, trades, cancels, replaces, icebergs, stops, an auction, halts, reviews,
self-trades, short sales, deposits, a kill switch, a restart, a snapshot and an end of day.

DIRECTORY gets ``day.tar.xz`` (configuration, journal, archive, snapshot) and ``expected.json``,
what ``exchange-replay`` of CHECKOUT says about them. Each recording sends the same commands; their
times, and with them all hashes, are those of the recording.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import lzma
import random
import secrets
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PASSWORD = "password"
SESSIONS = 6
FEE_ACCOUNT = 7
SYMBOLS = ("ALPHA", "BETA", "GAMMA")
SEED = 20_261_130
PATIENCE_S = 400.0  # the first start may compile
EXPORTS = ("trades", "orders", "events", "commands")
KEPT = ("engine.json", "journal/*.wal", "archive/*.evt", "snapshots/*.snap")


def session_hash() -> str:
    """The hash of PASSWORD as sessions.toml wants it, of the least cost."""
    salt = b"recorded day" + bytes(4)
    digest = hashlib.scrypt(PASSWORD.encode(), salt=salt, n=16, r=1, p=1, dklen=32)
    return "$".join(
        ["scrypt", "16", "1", "1", *(base64.b64encode(part).decode() for part in (salt, digest))]
    )


DAILY = 'roll = "daily"\nroll_time = "00:00:00"\ntimezone = "{}"'


def exchange_settings(roll: str) -> str:
    """TOML of exchange.toml: everything small, every port free. ``roll``: lines of [day]."""
    return f"""\
[day]
{roll}
[capacity]
instruments = 8
sessions = 16
accounts = 16
positions = 128
live_orders = 1024
level_blocks = 256
level_nodes = 128
tokens_per_day = 4096
[rings]
ingress_control = 1024
ingress_order_entry = 1024
ingress_api = 1024
ingress_grpc = 1024
commands = 4096
events = 4096
[matcher]
prefault_bytes = 0
[journal]
segment_bytes = 65536
batch = 256
archive_segment_events = 1024
[order_entry]
port = 0
connections = 16
[api]
port = 0
requests_per_second_per_ip = 10000
requests_per_second_per_key = 10000
burst = 10000
[health]
port = 0
[metrics]
port = 0
[feed]
port = 0
[read_model]
orders = 4096
fills = 4096
[store]
dsn = "off"
[risk]
maker_fee_basis_points = -0.2
taker_fee_basis_points = 1
review_value = 500000
breaker_percent = 10
breaker_halt_s = 2
orders_per_day = 0
cancel_ratio_minimum = 20
"""


def write_configuration(directory: Path) -> None:
    """Currencies, accounts, sessions and instruments."""
    accounts = ['[[currency]]\nid = 1\ncode = "USD"\ndecimals = 4']
    accounts[0] += f"\nfee_account = {FEE_ACCOUNT}\n\n[[account]]\nid = {FEE_ACCOUNT}\n"
    stock = ", ".join(f"{symbol} = 100000" for symbol in SYMBOLS)
    sessions = []
    for i in range(1, SESSIONS + 1):
        accounts.append(f"[[account]]\nid = {i}\nmoney = {{ USD = 50_000_000 }}")
        accounts[-1] += f"\nstock = {{ {stock} }}\n"
        if i == 1:
            accounts[-1] += 'self_trade_prevention = "decrement"\n'
        if i == 2:
            accounts[-1] += "may_short = true\n"
        sessions.append(f'[[session]]\nid = {i}\nusername = "S{i}"\naccount = {i}')
        sessions[-1] += f'\npassword = "{session_hash()}"\n'
    instruments = ['[[group]]\nid = 1\nname = "ALL"\n']
    for i, symbol in enumerate(SYMBOLS, 1):
        instruments.append(
            f'[[instrument]]\nid = {i}\nsymbol = "{symbol}"\ncurrency = "USD"\ngroup = "ALL"\n'
            f"price_decimals = 4\ntick = 0.01\nlot = {1 if i < 3 else 10}\nminimum_price = 0.01\n"
            f"maximum_price = 1000\nmaximum_quantity = 100000\nreference_price = {50 * i}\n"
        )
    parts = {"accounts": accounts, "sessions": sessions, "instruments": instruments}
    for name, tables in parts.items():
        (directory / f"{name}.toml").write_text("\n".join(tables))


class Exchange:
    """The daemon of a checkout on ``directory``/data, its operators' commands and its REST."""

    def __init__(self, checkout: Path, directory: Path) -> None:
        self.checkout = checkout
        self.directory = directory
        self.data = directory / "data"
        own = checkout / ".venv/bin/python"
        self.python = str(own) if own.exists() else sys.executable
        self._keys: dict[int, tuple[str, str]] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        """The daemon, ready; stopped gracefully afterwards."""
        config = str(self.directory / "exchange.toml")
        arguments = ["run", "--config", config, "--data-dir", str(self.data)]
        process = subprocess.Popen(
            [self.python, "-m", "exchange.cli", *arguments], cwd=self.checkout
        )
        try:
            deadline = time.monotonic() + PATIENCE_S
            while self._state().get("phase") != "running":
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the exchange did not start")
                time.sleep(0.05)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            status = process.wait(120)
        if status != 0:
            raise RuntimeError(f"the exchange ended with {status}")

    def _state(self) -> dict[str, Any]:
        try:
            state: dict[str, Any] = json.loads((self.data / "run.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return state

    def address(self, name: str) -> tuple[str, int]:
        host, _, port = self._state()["addresses"][name].rpartition(":")
        return host, int(port)

    def command(self, module: str, *arguments: str) -> bytes:
        """Standard output of ``python -m MODULE ARGUMENTS --data-dir``; it must succeed."""
        return subprocess.run(
            [self.python, "-m", module, *arguments, "--data-dir", str(self.data)],
            cwd=self.checkout,
            stdout=subprocess.PIPE,
            check=True,
        ).stdout

    def admin(self, *arguments: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(
            self.command("exchange.cli", "admin", *arguments, "--json")
        )
        return answer

    def replay(self, *arguments: str) -> bytes:
        return self.command("replay.cli", *arguments)

    def rest(self, account: int, method: str, path: str, **body: Any) -> dict[str, Any]:
        """``data`` of the answer to a signed request; {} when the exchange refused it."""
        if account not in self._keys:
            made = self.admin("key", "make", str(account))
            self._keys[account] = made["id"], made["secret"]
        deadline = time.monotonic() + 30
        while True:
            request = self._signed(account, method, "/api/v1" + path, body)
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    data: dict[str, Any] = json.load(answer)["data"]
                    return data
            except urllib.error.HTTPError as refused:
                if refused.code in (409, 422):
                    return {}
                # 401: a new key may not be known yet, or the machine took long to sign
                if refused.code != 401 or time.monotonic() > deadline:
                    raise RuntimeError(f"{method} {path}: {refused.read()!r}") from None
                time.sleep(0.2)

    def _signed(
        self, account: int, method: str, path: str, body: dict[str, Any]
    ) -> urllib.request.Request:
        key, secret = self._keys[account]
        raw = json.dumps(body).encode() if body else b""
        timestamp, nonce = str(time.time_ns() // 1_000_000), secrets.token_hex(12)
        text = "\n".join((method, path, timestamp, nonce, "")).encode() + raw
        headers = {
            "X-API-KEY": key,
            "X-TIMESTAMP": timestamp,
            "X-NONCE": nonce,
            "X-SIGNATURE": hmac.new(secret.encode(), text, hashlib.sha256).hexdigest(),
            "Content-Type": "application/json",
        }
        host, port = self.address("api")
        url = f"http://{host}:{port}{path}"
        return urllib.request.Request(url, raw or None, headers, method=method)


class OrderEntry:
    """A session of order entry that only sends: SoupBinTCP and OUCH, prices in 1/10,000."""

    def __init__(self, address: tuple[str, int], username: str) -> None:
        self._socket = socket.create_connection(address, 10)
        login = f"{username:<6}{PASSWORD:<10}{'':>10}{'1':>20}"
        self._packet(b"L", login.encode())
        self._tokens = 0

    def _packet(self, letter: bytes, payload: bytes = b"") -> None:
        self._socket.sendall(struct.pack(">H", len(payload) + 1) + letter + payload)

    def token(self) -> bytes:
        self._tokens += 1
        return f"T{self._tokens}".encode()

    def enter(
        self,
        side: str,
        shares: int,
        symbol: str,
        price: int,
        *,
        seconds: int = 99_999,
        minimum: int = 0,
        display: str = "Y",
        cross: str = "N",
    ) -> bytes:
        """Enter an order; its token."""
        token = self.token()
        fields = (token.ljust(14), side.encode(), shares, symbol.ljust(8).encode(), price, seconds)
        rest = (b"FIRM", display.encode(), b"A", b"N", minimum, cross.encode(), b" ")
        self._packet(b"U", struct.pack(">c14scI8sII4scccIcc", b"O", *fields, *rest))
        return token

    def replace(self, token: bytes, shares: int, price: int) -> bytes:
        """Replace an order; the new token."""
        new = self.token()
        fields = (token.ljust(14), new.ljust(14), shares, price, 99_999, b"Y", b"N", 0)
        self._packet(b"U", struct.pack(">c14s14sIIIccI", b"U", *fields))
        return new

    def cancel(self, token: bytes, shares: int = 0) -> None:
        self._packet(b"U", struct.pack(">c14sI", b"X", token.ljust(14), shares))

    def modify(self, token: bytes, side: str, shares: int) -> None:
        self._packet(b"U", struct.pack(">c14scI", b"M", token.ljust(14), side.encode(), shares))

    def logout(self) -> None:
        """Log out, and read until the exchange has closed: everything before was carried out."""
        self._packet(b"O")
        self._socket.settimeout(30)
        while self._socket.recv(1 << 16):
            pass
        self._socket.close()


def trade(exchange: Exchange, choices: random.Random, count: int) -> None:
    """``count`` orders of sessions S1, S2 and S3 around the reference prices."""
    sessions = [OrderEntry(exchange.address("order_entry"), f"S{i}") for i in (1, 2, 3)]
    live: list[tuple[OrderEntry, bytes]] = []
    for _ in range(count):
        session = choices.choice(sessions)
        number = choices.randrange(len(SYMBOLS))
        price = 500_000 * (number + 1) + 100 * choices.randint(-15, 15)
        shares = 10 * choices.randint(1, 30)
        chosen = choices.random()
        if chosen < 0.12 and live:
            owner, token = live.pop(choices.randrange(len(live)))
            owner.cancel(token, choices.choice((0, 0, 10)))
        elif chosen < 0.24 and live:
            at = choices.randrange(len(live))
            owner, token = live[at]
            live[at] = owner, owner.replace(token, shares, price)
        elif chosen < 0.28 and live:
            owner, token = choices.choice(live)
            owner.modify(token, "S", 10)
        else:
            side = choices.choice("BBBSSST")
            seconds = choices.choice((99_999, 99_999, 99_998, 0, 1))
            minimum = 10 if seconds == 0 and choices.random() < 0.5 else 0
            display = choices.choice("YYYP")
            how: dict[str, Any] = {"seconds": seconds, "minimum": minimum, "display": display}
            live.append((session, session.enter(side, shares, SYMBOLS[number], price, **how)))
        if choices.random() < 0.1:
            time.sleep(0.01)  # so that commits of many sizes are written
    for session in sessions:
        session.logout()


def special_orders(exchange: Exchange) -> None:
    """Icebergs, stops, market orders, post-only, reviews, amendments: what REST can say."""

    def place(account: int, side: str, quantity: int, **fields: Any) -> int:
        order = {"symbol": "ALPHA", "side": side, "quantity": quantity} | fields
        return int(exchange.rest(account, "POST", "/orders", **order).get("order_id", 0))

    exchange.admin("mass-cancel", "--all")
    other_iceberg = place(4, "sell", 300, price=509_000, display_quantity=40)
    place(4, "sell", 400, price=505_000, display_quantity=40)
    place(5, "buy", 130, price=505_000)
    place(4, "buy", 50, type="stop", stop_price=506_000)
    place(5, "sell", 50, type="stop_limit", stop_price=495_000, price=494_000)
    waiting = place(5, "sell", 20, type="stop", stop_price=420_000)
    place(4, "sell", 200, price=506_000)
    place(5, "buy", 320, price=506_000)  # high enough for the stop order
    place(6, "buy", 20, price=494_000)
    place(4, "sell", 20, price=494_000)  # low enough for the stop limit order
    place(6, "buy", 30, type="market")
    place(6, "buy", 30, price=400_000, post_only=True)
    place(6, "buy", 30, price=507_000, post_only=True, reprice=True)
    place(6, "buy", 30, price=700_000)  # outside the band
    place(6, "sell_short", 30, price=507_000)  # the account may not
    amended = place(6, "buy", 60, price=480_000)
    for account, method, order, change in (
        (6, "PATCH", amended, {"quantity": 40}),
        (6, "PATCH", amended, {"price": 481_000}),
        (5, "DELETE", waiting, {}),
        (4, "DELETE", other_iceberg, {}),
    ):
        if order:
            exchange.rest(account, method, f"/orders/{order}", **change)
    held = [place(4, "buy", 20_000, price=490_000), place(5, "buy", 20_000, price=480_000)]
    held.append(place(6, "buy", 20_000, price=470_000))
    exchange.admin("review", "approve", str(held[0]))
    exchange.admin("review", "refuse", str(held[1]))


def operators(exchange: Exchange) -> None:
    """Halts, an auction, deposits, limits, the kill switch."""
    place = exchange.rest
    exchange.admin("deposit", "4", "12345.67", "USD", "--key", "D1")
    exchange.admin("deposit", "4", "12345.67", "USD", "--key", "D1")  # the same one again
    exchange.admin("withdraw", "5", "1000", "USD")
    exchange.admin("deposit", "6", "500", "BETA", "--price", "99.5")
    exchange.admin("limits", "set", "--account", "6", "open-orders", "50")
    exchange.admin("auction", "--instrument", "BETA")
    for account, side, quantity, price in (
        (4, "buy", 300, 1_004_000),
        (5, "sell", 200, 997_000),
        (6, "sell", 150, 1_001_000),
        (4, "buy", 100, 1_000_000),
    ):
        order = {"symbol": "BETA", "side": side, "quantity": quantity, "price": price}
        place(account, "POST", "/orders", **order)
    exchange.admin("resume", "--instrument", "BETA")
    exchange.admin("halt", "--market")
    place(4, "POST", "/orders", symbol="GAMMA", side="buy", quantity=10, price=1_500_000)
    exchange.admin("resume", "--market")
    exchange.admin("halt", "--instrument", "GAMMA", "--for", "1")
    time.sleep(2.5)  # the halt ends by itself, and orders of one second have expired
    # a trade far from those before: the circuit breaker
    place(4, "POST", "/orders", symbol="GAMMA", side="sell", quantity=50, price=1_700_000)
    place(5, "POST", "/orders", symbol="GAMMA", side="buy", quantity=100, price=1_700_000)
    time.sleep(2.5)  # and its end
    exchange.admin("kill", "--account", "6", "on")
    place(6, "POST", "/orders", symbol="BETA", side="buy", quantity=10, price=990_000)
    exchange.admin("kill", "--account", "6", "off")
    exchange.admin("mass-cancel", "--account", "5", "--side", "buy")
    exchange.admin("cancel-only", "--instrument", "ALPHA")
    exchange.admin("resume", "--instrument", "ALPHA")


def record(exchange: Exchange) -> None:
    """The day: morning, a snapshot, a restart that ends it, and the beginning of the next."""
    choices = random.Random(SEED)
    settings = exchange.directory / "exchange.toml"
    # the second start finds itself on a later date: 26 hours further east
    settings.write_text(exchange_settings(DAILY.format("Etc/GMT+12")))
    with exchange.running():
        trade(exchange, choices, 500)
        special_orders(exchange)
        operators(exchange)
    exchange.replay("snapshot", "--now")
    settings.write_text(exchange_settings(DAILY.format("Etc/GMT-14")))
    with exchange.running():
        trade(exchange, choices, 250)
    settings.write_text(exchange_settings('roll = "manual"'))


def pack(directory: Path, target: Path) -> None:
    """The configuration and what KEPT names, without anything that tells where it was made."""
    files = [*directory.glob("*.toml")]
    for pattern in KEPT:
        files += directory.joinpath("data").glob(pattern)

    def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mode = 0o600
        member.mtime = 0
        return member

    with (
        lzma.open(target, "wb", preset=9 | lzma.PRESET_EXTREME) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for path in sorted(files):
            archive.add(path, str(path.relative_to(directory)), filter=anonymous)


def expectations(exchange: Exchange) -> dict[str, Any]:
    """What exchange-replay of the checkout says: figures of verify, hashes of the exports."""
    verdict = json.loads(exchange.replay("verify", "--json"))
    stats = json.loads(exchange.replay("stats", "--json"))
    return {
        "commit": subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=exchange.checkout,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout.strip(),
        "verify": {
            name: verdict[name]
            for name in ("next_command", "next_event", "checkpoints", "chain_hash", "snapshots")
        },
        "export_sha256": {
            what: hashlib.sha256(exchange.replay("export", what)).hexdigest() for what in EXPORTS
        },
        "accounts_sha256": hashlib.sha256(exchange.replay("accounts", "--json")).hexdigest(),
        "book_sha256": hashlib.sha256(
            exchange.replay("book", "--json", "--orders", "--waiting")
        ).hexdigest(),
        "commands_by_kind": stats["commands"]["by_kind"],
        "events_by_kind": stats["events"]["by_kind"],
        "trades_by_reason": stats["events"]["trades_by_reason"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkout", type=Path, help="whose code records")
    parser.add_argument("directory", type=Path, help="gets day.tar.xz and expected.json")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        (directory / "data").mkdir(mode=0o700)
        write_configuration(directory)
        exchange = Exchange(options.checkout.resolve(), directory)
        record(exchange)
        expected = expectations(exchange)
        target = options.directory / "day.tar.xz"
        pack(directory, target)
        (options.directory / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")
        print(json.dumps(expected, indent=2))
        print(f"{target}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
