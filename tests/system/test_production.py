"""An exchange in production, from its installation to a restored copy, as systemd would run it.

Books, balances and the chain hash of all events are compared at each step, between the release that
ran before it and the one that runs after it.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from exchange.core.region import region_name
from exchange.engine.state.chain_hash import chain_digest
from exchange.errors import ExitStatus
from exchange.install.layout import Layout, read_record
from exchange.recovery.rebuild import rebuild
from exchange.runtime.release import RELEASE
from exchange.runtime.run_file import RunState, read_run_file
from exchange.settings import ROOT, SHIPPED
from ringbuffer.jit.cache import cache_directory
from tests.harness.exchange_process import (
    PASSWORD,
    START_TIMEOUT_S,
    STOP_TIMEOUT_S,
    TEST_SETTINGS,
    wait_until,
    write_accounts,
    write_sessions,
    write_settings,
)
from tests.harness.left_behind import note_owner
from tests.harness.notify_socket import NotifySocket
from tests.harness.patient_client import PatientClient

pytestmark = pytest.mark.needs_jit

NEXT_RELEASE = "99.0.0"


class Facts(NamedTuple):
    """What must not change by itself, as of before command ``next_command``."""

    next_command: int
    chain: int
    books: str
    balances: str


class Site:
    """A prefix with what is installed there, run by its unit file as systemd would."""

    def __init__(self, prefix: Path, manager: NotifySocket) -> None:
        self.prefix = prefix
        self.manager = manager
        self.process: subprocess.Popen[bytes] | None = None
        self.log = prefix.with_suffix(".log")

    @property
    def layout(self) -> Layout:
        return read_record(self.prefix)

    @property
    def data(self) -> Path:
        return Path(self.layout.data)

    def unit(self, name: str) -> dict[str, str]:
        """The last value of each setting of a unit."""
        lines = (Path(self.layout.units) / name).read_text().splitlines()
        pairs = (line.partition("=") for line in lines if not line.startswith("#"))
        return {key: value for key, is_setting, value in pairs if is_setting}

    def environment(self) -> dict[str, str]:
        """As systemd makes it: nothing of this test's."""
        key, _, value = self.unit("exchange.service")["Environment"].partition("=")
        return {"PATH": os.environ["PATH"], key: value}

    def start(self) -> RunState:
        """What ``systemctl start`` does: it ends with READY=1."""
        unit = self.unit("exchange.service")
        mark = len(self.manager.lines)
        told = self.manager.environment(watchdog_s=float(unit["WatchdogSec"]))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                shlex.split(unit["ExecStart"]),
                cwd="/",
                env=self.environment() | told,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        note_owner(self.process.pid)
        ready = self.manager.wait_for("READY=1", mark)
        assert self.manager.wait_for("STATUS=recovering", mark) < ready
        self.manager.wait_for("WATCHDOG=1", ready)

        def serves() -> bool:
            assert self.process is not None and self.process.poll() is None, self.log.read_text()
            state = read_run_file(self.data)
            return state is not None and all(stage.ready for stage in state.stages.values())

        wait_until(serves, START_TIMEOUT_S, "the api to be ready")
        state = read_run_file(self.data)
        assert state is not None
        return state

    def stop(self) -> None:
        """What ``systemctl stop`` does."""
        assert self.process is not None
        mark = len(self.manager.lines)
        self.process.terminate()
        assert self.process.wait(STOP_TIMEOUT_S) == 0, self.log.read_text()
        self.manager.wait_for("STOPPING=1", mark)

    def close(self) -> None:
        """After a failure: end what runs, and remove the rings that it leaves."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(STOP_TIMEOUT_S)
            Path("/dev/shm", region_name(self.data.resolve())).unlink(missing_ok=True)

    def run(self, program: str, *words: str, data: Path | None = None) -> str:
        """A program of the current release on ``data``; what it prints."""
        command = [str(self.prefix / "bin" / program), *words]
        if data is not None:
            command += ["--data-dir", str(data)]
        done = subprocess.run(
            command, cwd="/", env=self.environment(), capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def facts(self, data: Path | None = None, end: int | None = None) -> Facts:
        """By the current release's own tools, and by this checkout's replay of every command."""
        data = data or self.data
        whole = rebuild(data, from_snapshot=False, upto_sequence=end)
        at = () if end is None else ("--at", str(whole.next_command - 1))
        return Facts(
            whole.next_command,
            chain_digest(whole.state),
            self.run("exchange-replay", "book", "--json", "--orders", *at, data=data),
            self.run("exchange-replay", "accounts", "--json", *at, data=data),
        )

    def verified(self, data: Path | None = None) -> dict[str, Any]:
        """The verdict of ``exchange-replay verify`` of the current release."""
        data = data or self.data
        verdict: dict[str, Any] = json.loads(
            self.run("exchange-replay", "verify", "--json", data=data)
        )
        assert verdict["good"] and verdict["problems"] == []
        return verdict

    def metrics(self, state: RunState) -> dict[str, float]:
        with urllib.request.urlopen(f"http://{state.addresses['metrics']}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        return {
            name: float(value)
            for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")
        }


def install(checkout: Path, *words: str) -> None:
    """``exchange install`` by the program in ``checkout``."""
    command = [sys.executable, "-m", "exchange.cli", "install", *words]
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    done = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def next_checkout(folder: Path) -> Path:
    """This checkout's program as another release, which its pyproject.toml names."""
    for name in ("ringbuffer", "journal", "exchange", "replay", "config"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    project = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{RELEASE}"' in project
    (folder / "pyproject.toml").write_text(
        project.replace(f'version = "{RELEASE}"', f'version = "{NEXT_RELEASE}"')
    )
    return folder


def configure(folder: Path) -> None:
    """Fill in what the installation has laid out."""
    settings = {section: dict(keys) for section, keys in TEST_SETTINGS.items()}
    settings["api"]["enabled"] = True
    write_settings(folder / "exchange.toml", settings)
    write_sessions(folder / "sessions.toml", 4)
    write_accounts(folder / "accounts.toml", 4)
    shutil.copy(SHIPPED / "instruments.toml", folder / "instruments.toml")


def trade(state: RunState, round_: int) -> int:
    """Some trades and orders that rest; how many trades."""
    host, _, port = state.order_entry.rpartition(":")
    trades = 0
    with PatientClient(host, int(port)) as seller, PatientClient(host, int(port)) as buyer:
        for client, username in ((seller, "S1"), (buyer, "S2")):
            client.login(username, PASSWORD, sequence=0)
        for number in range(10):
            seller.enter(f"R{round_}-{number}", "S", 30, "AAPL", 1_600_000 + 100 * number)
            seller.enter(f"S{round_}-{number}", "S", 20, "AAPL", 1_500_000 + 100 * number)
            for _ in range(2):
                while seller.receive().name != "accepted":
                    pass
            buyer.enter(f"B{round_}-{number}", "B", 20, "AAPL", 1_500_000 + 100 * number)
            while buyer.receive().name != "executed":
                pass
            trades += 1
    return trades


def nightly_backup(site: Site) -> tuple[Path, Facts]:
    """What the timer's unit does, while the exchange runs; the backup, and the state it has."""
    command = shlex.split(site.unit("exchange-backup.service")["ExecStart"])
    done = subprocess.run(command, env=site.environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (backup,) = Path(site.layout.backups).iterdir()
    end = json.loads((backup / "backup.json").read_text())["next_command"]
    return backup, site.facts(end=end)


def uninstall(site: Site) -> None:
    command = (sys.executable, "-m", "exchange.cli", "uninstall", "--prefix", str(site.prefix))
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == ExitStatus.OK
    assert not (site.prefix / "versions").exists()
    assert cache_directory().is_dir(), "it is not below the prefix"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with NotifySocket() as manager:
        made = Site(tmp_path / "site", manager)
        yield made
        made.close()


def test_from_installation_to_restore(site: Site, tmp_path: Path) -> None:
    cache = ("--cache-dir", str(cache_directory().parent))
    install(ROOT, "--prefix", str(site.prefix), *cache)
    configure(Path(site.layout.configuration))
    config = ("--config", f"{site.layout.configuration}/exchange.toml")
    site.run("exchange", "check-config", *config)
    assert "would be its first" in site.run("exchange", "recovery-plan", data=site.data)

    # a day with trades, seen from outside
    state = site.start()
    executed = trade(state, 1)
    seen = site.metrics(state)
    assert seen["exchange_trades_executed_total"] == executed
    assert any(f'version="{RELEASE}"' in name for name in seen)

    # a snapshot, and the next day
    site.run("exchange-replay", "snapshot", "--now", data=site.data)
    first_day = state.day
    assert "has ended" in site.run("exchange", "day", "end", data=site.data)
    tomorrow = datetime.strptime(str(first_day), "%Y%m%d") + timedelta(days=1)
    site.run("exchange", "day", "start", "--number", f"{tomorrow:%Y%m%d}", data=site.data)
    assert site.facts().balances != ""
    trade(state, 2)

    backup, backed_up = nightly_backup(site)

    # the next release beside it; what runs does not notice
    install(next_checkout(tmp_path / "next"), "--prefix", str(site.prefix), *cache)
    assert site.layout.versions() == [RELEASE, NEXT_RELEASE]
    assert site.layout.current() == NEXT_RELEASE
    trade(state, 3)
    site.stop()
    plan = json.loads(site.run("exchange", "recovery-plan", "--json", data=site.data))
    assert (plan["status"], plan["snapshot"] != "") == (0, True)
    before = site.facts()
    assert before.next_command == plan["next_command"]

    # upgraded: the same state, and it goes on
    state = site.start()
    assert any(f'version="{NEXT_RELEASE}"' in name for name in site.metrics(state))
    assert state.day != first_day
    assert site.facts(end=before.next_command) == before
    trade(state, 4)
    site.stop()
    after = site.facts()
    assert after.chain != before.chain and site.verified()["next_command"] == after.next_command

    # and back
    site.run("exchange", "install", "--prefix", str(site.prefix), "--use", RELEASE)
    assert site.facts() == after, "the older release reads it the same way"
    state = site.start()
    assert any(f'version="{RELEASE}"' in name for name in site.metrics(state))
    trade(state, 5)
    site.stop()
    assert site.facts(end=after.next_command) == after
    assert site.verified()["next_command"] > after.next_command
    history = json.loads((site.data / "releases.json").read_text())
    assert [run["release"] for run in history] == [RELEASE, NEXT_RELEASE, RELEASE]

    # elsewhere, as of the backup; then gone, but for what is not ours
    elsewhere = tmp_path / "elsewhere"
    site.run("exchange", "restore", str(backup), data=elsewhere)
    assert site.facts(elsewhere) == backed_up
    assert site.verified(elsewhere)["next_command"] == backed_up.next_command

    data = site.data
    uninstall(site)
    assert rebuild(data, from_snapshot=False).next_command > after.next_command
