"""A real exchange for system and fault tests: started, watched, killed, and always cleaned up.

    exchange = RunningExchange(directory)      # or the fixture `running_exchange`
    exchange.start()                           # ready when it returns
    exchange.port, exchange.pid("matcher"), exchange.status()
    exchange.stop()                            # graceful; returns the exit status
    exchange.kill()                            # kill -9 of the daemon
    exchange.close()                           # whatever happened: nothing is left behind

Sessions S1 .. S64, all with the password PASSWORD, accounts 1 .. 64; the shipped instruments. Every
account has money and stock enough for any load, and no risk control is on: a test that is about one
says so in ``settings`` or ``account_keys``.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from exchange.gateway.passwords import hash_password
from exchange.runtime.process import die_with_parent
from exchange.runtime.run_file import RunState, read_run_file
from exchange.settings import ROOT
from tests.harness.left_behind import note_owner

PASSWORD = "password"
SESSIONS = 64
# the first start may compile everything
START_TIMEOUT_S = 1500.0
STOP_TIMEOUT_S = 180.0

# Small enough to start at once, and with time-outs that no busy machine exceeds: a test of one says
# so in its settings. Everything else is the shipped default.
TEST_SETTINGS: dict[str, dict[str, Any]] = {
    "order_entry": {
        "port": 0,
        "client_timeout_ms": 300_000,
        "login_timeout_ms": 120_000,
        "stall_timeout_ms": 120_000,
    },
    # off: a test that is about them says web=True, or gives [store] dsn
    "api": {
        "enabled": False,
        "port": 0,
        "outcome_timeout_ms": 120_000,
        "receive_window_ms": 60_000,
    },
    "health": {"port": 0, "stale_ms": 120_000, "lag_ms": 120_000},
    "metrics": {"port": 0},
    "feed": {"port": 0, "stall_timeout_ms": 120_000},
    "store": {"dsn": "off", "drain_timeout_ms": 60_000},
    "capacity": {"live_orders": 262_144, "tokens_per_day": 2_000_000},
    "rings": {
        "ingress_order_entry": 16_384,
        "ingress_api": 1_024,
        "ingress_grpc": 1_024,
        "commands": 32_768,
        "events": 65_536,
    },
    "read_model": {"orders": 65_536, "fills": 65_536},
    "journal": {"segment_bytes": 16_777_216, "batch": 16_384, "archive_segment_events": 131_072},
    "day": {"roll": "manual"},
    # off, as api and store: a test that is about them says so
    "snapshot": {"enabled": False},
    "supervision": {
        "restart_limit": 1000,
        "hang_timeout_ms": 300_000,
        "start_timeout_ms": 1_200_000,
        "stop_timeout_ms": 150_000,
        "kill_timeout_ms": 60_000,
    },
    "risk": {
        "price_band_percent": 0,
        "collar_percent": 0,
        "review_value": 0,
        "breaker_percent": 0,
        "orders_per_day": 0,
        "orders_per_second": 0,
        "session_orders_per_second": 0,
        "cancel_ratio_percent": 0,
    },
}
SHIPPED_SYMBOLS = ("AAPL", "AMZN", "MSFT", "GOOG", "2330.TW")
# What all accounts together are given stays below the bound of a currency, 2^61 minor units of
# 1/10,000, and of a shipped stock, 2^61 / 2,000,000,000.
ALL_MONEY_UNITS = 100_000_000_000_000
ALL_STOCK_UNITS = 800_000_000
ONE_DEPOSIT_UNITS = 7_000_000_000_000  # below 2^56 minor units of 1/10,000
DEPOSIT_UNITS = 7_000_000_000_000  # one deposit is at most 2^56 minor units


def wait_until(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Wait for ``condition`` with a deadline."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s:g} s for {what}")
        time.sleep(0.002)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f'"{key}" = {_toml(item)}' for key, item in value.items()) + " }"
    return str(value)


def write_settings(path: Path, settings: Mapping[str, Mapping[str, Any]]) -> None:
    """Write ``settings`` (section -> key -> value) as TOML."""
    lines = []
    for section, keys in settings.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {_toml(value)}" for key, value in keys.items()]
    path.write_text("\n".join(lines) + "\n")


Keys = Mapping[int, Mapping[str, Any]]
_cheap_hash = hash_password(PASSWORD, n=16, r=1)


def write_tables(path: Path, tables: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
    """Write arrays of tables (name -> tables of key -> value) as TOML."""
    lines = []
    for name, entries in tables.items():
        for keys in entries:
            lines.append(f"[[{name}]]")
            lines += [f"{key} = {_toml(value)}" for key, value in keys.items()]
    path.write_text("\n".join(lines) + "\n")


def write_sessions(path: Path, count: int = SESSIONS, keys: Keys | None = None) -> None:
    """Write sessions S1 .. S<count>; ``keys``: further keys by session id."""
    write_tables(
        path,
        {
            "session": (
                {"id": i, "username": f"S{i}", "password": _cheap_hash, "account": i}
                | dict((keys or {}).get(i, {}))
                for i in range(1, count + 1)
            )
        },
    )


def write_accounts(
    path: Path,
    count: int = SESSIONS,
    keys: Keys | None = None,
    stock: Callable[[int], Mapping[str, int]] | None = None,
) -> None:
    """Write currencies USD and TWD and accounts 1 .. <count>, and one more for the fees.

    ``keys``: further keys, or others, by account id. ``stock``: symbol -> quantity of an account;
    without it the same share of every shipped instrument.
    """
    money = min(ALL_MONEY_UNITS // count, DEPOSIT_UNITS)
    share = {symbol: ALL_STOCK_UNITS // count // 1000 * 1000 for symbol in SHIPPED_SYMBOLS}
    fees = count + 1
    accounts: list[Mapping[str, Any]] = [{"id": fees}]
    for i in range(1, count + 1):
        held = share if stock is None else stock(i)
        account = {"id": i, "money": {"USD": money, "TWD": money}, "stock": held}
        accounts.append(account | dict((keys or {}).get(i, {})))
    write_tables(
        path,
        {
            "currency": (
                {"id": 1, "code": "USD", "decimals": 4, "fee_account": fees},
                {"id": 2, "code": "TWD", "decimals": 2, "fee_account": fees},
            ),
            "account": accounts,
        },
    )


class RunningExchange:
    """One data directory and the daemon on it. ``settings`` override TEST_SETTINGS by key.

    ``web``: with the process api (REST, WebSocket, page); ``url`` is where it listens.

    ``account_keys``, ``session_keys``: keys of single accounts and sessions, by id. ``stock``: what
    each account holds at the beginning, see ``write_accounts``.
    """

    def __init__(
        self,
        directory: Path,
        *,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        sessions: int = SESSIONS,
        environment: Mapping[str, str] | None = None,
        account_keys: Keys | None = None,
        session_keys: Keys | None = None,
        stock: Callable[[int], Mapping[str, int]] | None = None,
        web: bool = False,
    ) -> None:
        self.directory = directory
        self.data_directory = directory / "data"
        self.config_file = directory / "exchange.toml"
        self.log_file = directory / "daemon.log"
        merged = {section: dict(keys) for section, keys in TEST_SETTINGS.items()}
        merged["api"]["enabled"] = web
        for section, keys in (settings or {}).items():
            merged.setdefault(section, {}).update(keys)
        write_settings(self.config_file, merged)
        write_sessions(directory / "sessions.toml", sessions, session_keys)
        write_accounts(directory / "accounts.toml", sessions, account_keys, stock)
        shutil.copyfile(ROOT / "config" / "instruments.toml", directory / "instruments.toml")
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._seen_pids: set[int] = set()

    # --- life ---------------------------------------------------------------------------------

    def launch(
        self, *prefix: str, stdout: int | None = None, stderr: int | None = None
    ) -> subprocess.Popen[bytes]:
        """Start the daemon without waiting; ``prefix`` is a command in front (strace ...).

        ``stdout``, ``stderr``: descriptors of the daemon; without them both are ``log_file``.
        """
        assert self._process is None or self._process.poll() is not None
        command = [
            *(*prefix, sys.executable, "-m", "exchange.cli", "run"),
            *("--config", str(self.config_file), "--data-dir", str(self.data_directory)),
        ]
        # A killed test run leaves no exchange; the kernel looks at the thread that started it.
        in_main_thread = threading.current_thread() is threading.main_thread()
        with self.log_file.open("ab") as log, warnings.catch_warnings():
            # nothing between fork and exec takes a lock that another thread may hold
            warnings.simplefilter("ignore", DeprecationWarning)
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log if stdout is None else stdout,
                stderr=log if stderr is None else stderr,
                env=os.environ | self._environment,
                preexec_fn=(
                    functools.partial(die_with_parent, os.getpid()) if in_main_thread else None
                ),
            )
        note_owner(self._process.pid)
        return self._process

    def start(self, *prefix: str) -> RunningExchange:
        """Start the daemon and wait until it is ready."""
        self.launch(*prefix)
        self.wait_ready()
        return self

    def wait_ready(self, timeout_s: float = START_TIMEOUT_S) -> RunState:
        """Wait until everything runs (again)."""

        def ready() -> bool:
            assert self._process is not None
            if self._process.poll() is not None:
                raise AssertionError(
                    f"the daemon ended with {self._process.returncode}:\n{self.log_tail()}"
                )
            state = self.state()
            return (
                state is not None
                and state.phase == "running"
                and all(stage.ready and _alive(stage.pid) for stage in state.stages.values())
            )

        try:
            wait_until(ready, timeout_s, "the exchange to be ready")
        except TimeoutError as error:
            raise AssertionError(f"{error}:\n{self.log_tail()}") from None
        state = self.state()
        assert state is not None
        return state

    def is_alive(self) -> bool:
        """Whether the daemon has been started and runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """SIGTERM, and wait. Returns the exit status."""
        assert self._process is not None
        self.remember_pids()
        self._process.send_signal(signal.SIGTERM)
        return self.wait(timeout_s)

    def wait(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Wait for the daemon's end. Returns the exit status."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    def kill(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """kill -9 of the daemon; its stages die with it."""
        assert self._process is not None
        self.remember_pids()
        self._process.kill()
        self._process.wait(timeout_s)
        wait_until(
            lambda: not any(_alive(pid) for pid in self._seen_pids),
            timeout_s,
            "the stages to die with the daemon",
        )

    def close(self) -> None:
        """End everything that is left, and the region. Idempotent."""
        self.remember_pids()
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT_S)
        for pid in self._seen_pids:
            if _alive(pid) and _is_ours(pid):
                os.kill(pid, signal.SIGKILL)
        self.region_path.unlink(missing_ok=True)

    # --- looks --------------------------------------------------------------------------------

    def state(self) -> RunState | None:
        """The daemon's run.json, if it is this daemon's."""
        state = read_run_file(self.data_directory)
        if state is None or self._process is None:
            return None
        self._seen_pids.update(stage.pid for stage in state.stages.values())
        note_owner(state.pid)
        return state

    def remember_pids(self) -> None:
        """Note the pids of all stages, so that ``close`` finds them after the daemon's death."""
        self.state()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    @property
    def port(self) -> int:
        """The TCP port of order entry."""
        state = self.state()
        assert state is not None
        return int(state.order_entry.rpartition(":")[2])

    def address(self, name: str) -> str:
        """host:port of the listener "order_entry", "api", "health", "metrics" or "feed"."""
        state = self.state()
        assert state is not None
        return state.addresses[name]

    @property
    def url(self) -> str:
        """http://host:port of the API and the page."""
        return f"http://{self.address('api')}"

    def pid(self, role: str) -> int:
        """The pid of "daemon", "matcher", "journaler", "order_entry", "api", "feed_1", "store".

        Waits for a stage that is being replaced: between the old and the new one none is named.
        """
        found = 0

        def named() -> bool:
            nonlocal found
            state = self.state()
            if state is None:
                return False
            if role == "daemon":
                found = state.pid
            elif role in state.stages:
                found = state.stages[role].pid
            return found != 0

        wait_until(named, START_TIMEOUT_S, f"a process {role}")
        return found

    def status(self) -> dict[str, Any]:
        """What `exchange status --json` shows."""
        from exchange.admin.status import Observer

        return Observer(self.data_directory).look()

    def admin(self, *arguments: str) -> dict[str, Any]:
        """Run `exchange admin ARGUMENTS`; it is carried out and durable. Its JSON answer."""
        answer = subprocess.run(
            [
                *(sys.executable, "-m", "exchange.cli", "admin", *arguments),
                *("--json", "--data-dir", str(self.data_directory)),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=STOP_TIMEOUT_S,
        )
        assert answer.returncode == 0, answer.stdout + answer.stderr
        found = json.loads(answer.stdout)
        assert isinstance(found, dict)
        return found

    def make_key(self, account: int, *, read_only: bool = False) -> tuple[str, str]:
        """An API key: its id and secret. As `exchange admin key make`, without a process for it."""
        answer = self._control("key_make", account=account, read_only=read_only)
        return answer["key"]["id"], answer["secret"]

    def revoke_key(self, key_id: str) -> None:
        """As `exchange admin key revoke`."""
        self._control("key_revoke", key_id=key_id)

    def _control(self, command: str, **fields: Any) -> dict[str, Any]:
        from exchange.control.socket import Request, ask

        answer = ask(self.data_directory, Request(command=command, **fields))
        assert answer["ok"], answer
        return answer

    @property
    def region_path(self) -> Path:
        from exchange.core.region import region_name

        return Path("/dev/shm") / region_name(self.data_directory.resolve())

    def log_tail(self, lines: int = 40) -> str:
        """The last lines of the daemon's output."""
        if not self.log_file.exists():
            return ""
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def _is_ours(pid: int) -> bool:
    """Whether ``pid`` still is a stage, and not another process with a number used again."""
    try:
        return b"exchange.stages.main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
