"""docs/runbook.md: each situation is caused, and its commands print what is shown.

What docs/operations.md shows of a capacity that is enlarged is done here too.

The commands of a section are carried out in their order by bash, in the directory that has ``data``
and the configuration; what they print on standard output and error is compared but for times, keys,
addresses and the like. ``/etc/exchange``, ``/backups`` and port 8080 are where the test has them.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from document_examples import Example, differs, sessions
from exchange_process import TEST_SETTINGS, RunningExchange, wait_until, write_settings
from shifted_clock import ShiftedClock

from exchange.settings import ROOT, SHIPPED
from exchange.store.postgres import EmbeddedPostgres
from journal.layout import FRAME_HEADER_BYTES, HEADER_BYTES

pytestmark = pytest.mark.needs_jit

DOCUMENT = "docs/runbook.md"
TIMEOUT_S = 600.0
SMALL = ("capacity", "rings", "read_model", "journal", "supervision")  # starts at once
SETTINGS: dict[str, dict[str, Any]] = {
    **{name: TEST_SETTINGS[name] for name in SMALL},
    "exchange": {"operators": ["night"]},
    "order_entry": {"port": 0},
    "api": {"port": 0, "requests_per_second_per_ip": 100_000, "burst": 100_000},
    "health": {"port": 0},
    "metrics": {"port": 0},
    "feed": {"port": 0},
    "store": {"dsn": "off"},
    "day": {"roll": "manual"},
}
RUN = "exchange run --config /etc/exchange/exchange.toml"
FAST = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "32MB"}
ORDER = "exchange order --user DEMO1 --password demo1pass buy 100 AAPL @ 150.00"


class Place:
    """A directory with ``data``, the shipped configuration on free ports, and the programs."""

    def __init__(
        self, directory: Path, settings: Mapping[str, Mapping[str, Any]], prefix: tuple[str, ...]
    ) -> None:
        self.exchange = RunningExchange(directory, web=True)
        self.directory = directory
        self.words: dict[str, str] = {}  # as in the document -> as here
        self._prefix = prefix
        for file in ("accounts.toml", "instruments.toml", "sessions.toml"):
            shutil.copy(SHIPPED / file, directory / file)
        merged = {name: dict(keys) for name, keys in SETTINGS.items()}
        for name, keys in settings.items():
            merged.setdefault(name, {}).update(keys)
        write_settings(self.exchange.config_file, merged)
        (directory / "backups").mkdir()
        self._programs = directory / "bin"
        self._programs.mkdir()
        for name, module in (("exchange", "exchange.cli"), ("exchange-replay", "replay.cli")):
            program = self._programs / name
            program.write_text(f'#!/bin/sh\nexec {sys.executable} -m {module} "$@"\n')
            program.chmod(0o755)

    def start(self) -> str:
        """Start the exchange and wait until it is ready; what it prints on standard output."""
        with (
            (self.directory / "stdout").open("wb") as output,
            (self.directory / "exchange.log").open("ab") as log,
        ):
            self.exchange.launch(*self._prefix, stdout=output.fileno(), stderr=log.fileno())
        self.exchange.wait_ready()
        said = self.directory / "stdout"
        wait_until(lambda: said.read_text().count("\n") >= 3, TIMEOUT_S, "what it says at last")
        return said.read_text()

    def health(self) -> str:
        """What the health port answers."""
        with urllib.request.urlopen(f"http://{self.exchange.address('health')}/health") as answer:
            return str(answer.read().decode())

    def await_health(self, text: str) -> None:
        """Wait until the health has ``text`` in it."""
        wait_until(lambda: text in self.health(), TIMEOUT_S, f"health: {text}")

    def await_store(self) -> None:
        """Wait until Postgres has everything."""
        status = self.exchange.status
        wait_until(lambda: status()["lag"]["store_events"] == 0, TIMEOUT_S, "the store")

    def carry_out(self, line: str) -> str:
        """What ``line`` prints, in the words of the document."""
        if line.startswith(f"{RUN} 2>>"):
            return self._told(self.start())
        own = line.replace("exchange order ", f"exchange order --port {self._port()} ")
        if "http://127.0.0.1:8080" in own:
            health = f"http://{self.exchange.address('health')}"
            own = own.replace("http://127.0.0.1:8080", health)
        for word, here in self._words().items():
            own = own.replace(word, here)
        path = f"{self._programs}{os.pathsep}{os.environ['PATH']}"
        ended = subprocess.run(
            ["bash", "-c", own],
            cwd=self.directory,
            env=os.environ | {"PYTHONPATH": str(ROOT), "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
        )
        return self._told(ended.stdout)

    def _port(self) -> int:
        return self.exchange.port if self.exchange.state() else 0

    def _words(self) -> dict[str, str]:
        places = {"/etc/exchange": str(self.directory), "/backups": f"{self.directory}/backups"}
        return self.words | places

    def _told(self, printed: str) -> str:
        """``printed`` without log lines, with the paths of the document."""
        lines = [line for line in printed.splitlines() if not line.startswith('{"time":')]
        text = "".join(f"{line}\n" for line in lines)
        text = text.replace(f"{self.directory}/backups", "/backups")
        text = text.replace(f"{self.exchange.config_file}", "/etc/exchange/exchange.toml")
        text = text.replace(f"{self.directory}/", "")
        for word, here in self.words.items():
            text = text.replace(here, word)
        return text


class Section:
    """The examples of one section, carried out one after the other."""

    def __init__(self, place: Place, title: str) -> None:
        self._place = place
        self.left: list[Example] = sessions(DOCUMENT, title)
        assert self.left, title

    def next(self, beginning: str) -> str:
        """Carry out the next line, which begins so, and compare. What it printed."""
        line, shown = self.left.pop(0)
        assert line.startswith(beginning), line
        printed = self._place.carry_out(line)
        difference = differs(printed, shown)
        assert not difference, f"{line}\n{difference}"
        return printed

    def end(self) -> None:
        """All of them have been carried out."""
        assert self.left == []


class Running(NamedTuple):
    """A place whose wall clock and whose Postgres, at ``host``, are the test's."""

    place: Place
    clock: ShiftedClock
    host: str


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Not started yet: the first test does, or whichever is run alone."""
    directory = tmp_path_factory.mktemp("runbook")
    clock = ShiftedClock(directory / "clock")
    # a loopback address of this test's own: the port is always the same
    host = "127." + ".".join(str(1 + each % 250) for each in os.urandom(3))
    settings = {
        "store": {
            "dsn": f"postgresql://exchange@{host}/exchange",
            "retry_maximum_ms": 200,
            "drain_timeout_ms": 1_000,
        },
        "supervision": {"hang_timeout_ms": 10_000},
    }
    place = Place(directory, settings, clock.prefix)
    place.words["db.example.com"] = host
    try:
        yield Running(place, clock, host)
    finally:
        place.exchange.close()


@pytest.fixture
def place(running: Running) -> Place:
    """The place of all tests, with a running exchange."""
    if not running.place.exchange.is_alive():
        running.place.start()
    return running.place


def section(place: Place, title: str) -> None:
    """Carry out a section that needs no further cause."""
    found = Section(place, title)
    while found.left:
        found.next("")


def test_start(running: Running) -> None:
    place = running.place
    start = Section(place, "Start")
    start.next("exchange check-config")
    start.next(RUN)
    place.await_health('"healthy":true')
    start.next("curl")
    start.next(RUN)  # it runs already
    start.end()


def test_a_member_gone_wild(place: Place) -> None:
    for _ in range(3):
        assert "accepted" in place.carry_out(ORDER)
    section(place, "Capacity full")
    section(place, "Member gone wild")
    assert "accepted" in place.carry_out(ORDER)


def test_a_key_in_wrong_hands(place: Place) -> None:
    made = place.carry_out('exchange admin key make 1001 --label "first bot"')
    (place.words["7Q4WZ2MAXYJB5KTDLH3E"],) = re.findall(r"^key +(\S+)$", made, re.MULTILINE)
    section(place, "Lost key")


def test_a_hung_stage(place: Place) -> None:
    api = place.exchange.pid("api")
    os.kill(api, signal.SIGSTOP)
    wait_until(lambda: place.exchange.pid("api") != api, TIMEOUT_S, "another process api")
    place.exchange.wait_ready()
    section(place, "Hung stage")


def postgres(directory: Path, host: str) -> EmbeddedPostgres:
    """A server of one's own, on TCP."""
    directory.mkdir(mode=0o755)
    return EmbeddedPostgres(directory, settings=FAST | {"listen_addresses": host})


def test_a_lost_postgres(running: Running, place: Place, tmp_path: Path) -> None:
    servers = [postgres(tmp_path / name, running.host) for name in ("lost", "empty")]
    try:
        servers[0].start()
        place.await_health('"store":"following"')
        servers[0].stop()
        place.carry_out("exchange admin limits set --account 1002 open-orders 0")
        place.await_health("Postgres is away")
        lost = Section(place, "Lost Postgres")
        lost.next("curl")
        lost.next("exchange store check")
        servers[1].start()
        place.await_health('"store":"following"')
        place.await_store()
        lost.next("exchange store check")
        lost.end()
    finally:
        for server in servers:
            server.stop()


def test_a_clock_step(running: Running, place: Place) -> None:
    running.clock.set(7200)
    place.await_health("the wall clock")
    section(place, "Clock step")
    running.clock.set(0)


def test_a_stop_an_upgrade_a_damage(place: Place) -> None:
    """Over a backup and its restore to a corrupt journal and a lost master key."""
    place.carry_out("exchange admin key make 1001")
    section(place, "Stop")
    assert place.exchange.wait() == 0
    section(place, "Upgrade")
    section(place, "Rollback")
    backups = place.directory / "backups"
    shutil.copytree(backups / "before-upgrade", backups / "daily")

    damage(place.directory / "data" / "journal")
    section(place, "Corrupt journal")
    (place.directory / "data" / "master.key").unlink()
    section(place, "Lost master key")
    assert "accepted" in place.carry_out(ORDER)
    assert place.exchange.stop() == 0


def damage(journal: Path) -> None:
    """Change a byte of the first frame; whole ones follow it."""
    (segment,) = journal.glob("*.wal")
    with segment.open("r+b") as file:
        file.seek(HEADER_BYTES + FRAME_HEADER_BYTES)
        (byte,) = file.read(1)
        file.seek(HEADER_BYTES + FRAME_HEADER_BYTES)
        file.write(bytes([byte ^ 1]))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """``data`` is a file system of its own, of 96 MiB."""
    path = tmp_path / "data"
    path.mkdir()
    options = ("-t", "tmpfs", "-o", "size=96m,mode=700", "tmpfs")
    if subprocess.run(["mount", *options, str(path)], capture_output=True).returncode:
        pytest.skip("a file system cannot be mounted here (needs root)")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def test_a_full_disk(small_disk: Path, tmp_path: Path) -> None:
    journal = {"segment_bytes": 1 << 20, "batch": 1024, "stop_free_bytes": 4 << 20}
    place = Place(tmp_path, {"journal": journal}, ())
    try:
        place.start()
        filler = small_disk / "core.4711"
        free = os.statvfs(small_disk)
        filler.write_bytes(bytes(free.f_bavail * free.f_frsize - (3 << 20)))
        place.await_health("no new orders")
        place.await_health("disk_bytes: ")
        full = Section(place, "Full disk")
        full.next("curl")
        full.next("exchange order")
        full.next("exchange prune")
        filler.unlink()
        place.await_health('"warnings":[]')
        full.next("curl")
        full.next("exchange order")
        full.end()
        assert place.exchange.stop() == 0
    finally:
        place.exchange.close()
