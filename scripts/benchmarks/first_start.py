"""``scripts/bench first_start``: from nothing compiled to the first answered order.

Two compilers with empty caches of their own, one after the other. The first runs alone and says
what each unit costs (``unit_processor_s``, the ten largest, and ``units_processor_s``, all). The
second is what a newcomer meets: ``exchange run`` on an empty data directory. It is a fault when one
of the stages compiles what no unit has.

- ``seconds_to_trading``: until an order has been accepted over TCP;
- ``seconds_to_ready``: until page, interfaces and store are ready too;
- ``processor_s``: of the daemon and all its processes until then;
- ``warm.*``: the same exchange started again, with everything compiled.

``limit.import_s``: what a process needs to import the engine, compiled or not: no start is faster.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from exchange.client.order_entry import OrderEntryClient
from exchange.runtime.run_file import read_run_file
from scripts.benchmarks.own_exchange import DATA, ROOT, own_folder, port_of, started
from scripts.benchmarks.result import check, progress

DEFINITIONS = ("accounts.toml", "instruments.toml", "sessions.toml")
SETTINGS = """
[order_entry]
port = 0
[api]
port = 0
[health]
port = 0
[metrics]
port = 0
"""
USER, PASSWORD = "DEMO1", "demo1pass"
PRICE = 1_500_000  # the wire's integer; that of the first order in README.md
UNITS = """
import os
from exchange.compiler.pool import compile_units
from exchange.compiler.units import units
made = units()
for done in compile_units(made, len(os.sched_getaffinity(0))):
    print(made[done.unit].name, done.processor_s, sep=":", flush=True)
"""
LARGEST = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-units", action="store_true", help="do not compile the units alone")


@contextmanager
def _empty_cache(folder: Path, name: str) -> Iterator[Path]:
    """A cache directory for the processes that are started in the block."""
    before = os.environ.get("EXCHANGE_CACHE_DIR")
    os.environ["EXCHANGE_CACHE_DIR"] = str(folder / name)
    try:
        yield folder / name
    finally:
        if before is None:
            del os.environ["EXCHANGE_CACHE_DIR"]
        else:
            os.environ["EXCHANGE_CACHE_DIR"] = before


def _units(folder: Path) -> dict[str, float]:
    """Processor seconds by unit."""
    with _empty_cache(folder, "units"):
        done = subprocess.run(
            [sys.executable, "-c", UNITS],
            cwd=ROOT,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    lines = (line.rpartition(":") for line in done.stdout.splitlines())
    return {name: float(seconds) for name, _, seconds in lines}


def _import_s() -> float:
    began_s = time.monotonic()
    subprocess.run([sys.executable, "-c", "import exchange.stages.agents"], cwd=ROOT, check=True)
    return time.monotonic() - began_s


def _processor_s(pid: int) -> float:
    """Of a process and its descendants, those that have ended and been waited for included."""
    total = 0.0
    for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        used = process.cpu_times()
        total += used.user + used.system + used.children_user + used.children_system
    return total


def _wait_for_order_entry(process: subprocess.Popen[bytes], data: Path) -> int:
    """The port of order entry, as soon as the run file says that the exchange runs."""
    while True:
        check(process.poll() is None, "the exchange has ended")
        state = read_run_file(data)
        if state is not None and state.phase == "running":
            return port_of(state.order_entry)
        time.sleep(0.01)


def _trade(port: int, token: str) -> None:
    with OrderEntryClient("127.0.0.1", port) as client:
        client.login(USER, PASSWORD)
        client.enter(token, "B", 1, "AAPL", PRICE)
        answer = next((each.letter for each in client.messages(60.0) if each.letter in "AJ"), "")
    check(answer == "A", f"the first order was answered by {answer!r}, not accepted")


def _start(folder: Path, settings: Path, token: str) -> dict[str, float]:
    """Start, trade, wait for the rest, stop."""
    began_s = time.monotonic()
    with started(folder, settings) as process:
        _trade(_wait_for_order_entry(process, folder / DATA), token)
        trading_s = time.monotonic() - began_s
        while not _everything_ready(folder / DATA):
            check(process.poll() is None, "the exchange has ended")
            time.sleep(0.02)
        return {
            "seconds_to_trading": round(trading_s, 2),
            "seconds_to_ready": round(time.monotonic() - began_s, 2),
            "processor_s": round(_processor_s(process.pid), 1),
        }


def _everything_ready(data: Path) -> bool:
    state = read_run_file(data)
    return state is not None and not state.compiling and all(s.ready for s in state.stages.values())


def _files(cache: Path) -> set[str]:
    return {path.name for path in cache.rglob("*.code")}


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Seconds of a first start, of its parts, and of a warm one."""
    result: dict[str, Any] = {}
    with own_folder("exchange-first-start-") as folder:
        settings = folder / "exchange.toml"
        settings.write_text(SETTINGS)
        for name in DEFINITIONS:
            shutil.copy(ROOT / "config" / name, folder)
        units: dict[str, float] = {}
        if not arguments.no_units:
            progress("compiling every unit")
            units = _units(folder)
            largest = sorted(units, key=lambda name: -units[name])[:LARGEST]
            result["units_processor_s"] = round(sum(units.values()), 1)
            result["unit_processor_s"] = {name: round(units[name], 1) for name in largest}
        with _empty_cache(folder, "first") as cache:
            progress("a first start")
            result |= _start(folder, settings, "FIRST")
            if units:
                extra = _files(cache) ^ _files(folder / "units")
                check(not extra, f"stages compile what no unit has, or the reverse: {extra}")
            progress("a warm start")
            kept = _files(cache)
            result["warm"] = _start(folder, settings, "AGAIN")
            extra = _files(cache) - kept
            check(not extra, f"a warm start has compiled {extra}")
    result["limit"] = {"import_s": round(_import_s(), 2)}
    return result
