"""Compiles everything once, before any stage starts, and reports progress.

Run as ``python -m exchange.stages.compile [PARENT_PID]``. Who uses it: the daemon at its first
start with a new source tree (a stamp beside the compiled code marks a complete compilation), and
``scripts/test``. It runs a whole small exchange in one process (matcher, journaler, order entry, a
client, a restart), so that it compiles exactly what the stages call.

Decision PKG-1.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from exchange.errors import StageFailed
from exchange.runtime.output import shield
from exchange.runtime.process import die_with_parent
from exchange.runtime.signals import HARMLESS, STOPPING, ignore
from exchange.settings import ROOT, Configuration
from ringbuffer.jit import JIT_DISABLED
from ringbuffer.jit.cache import cache_directory, prune
from ringbuffer.jit.sources import source_hash
from ringbuffer.jit.target import target

POLL_S = 0.05
REMIND_S = 5.0
USERNAME, PASSWORD = "WARM", "warm"  # of the session that trades here


def stamp_path() -> Path:
    """The file that says that everything is compiled for these sources and this processor."""
    numba_version = importlib.metadata.version("numba")
    parts = (source_hash(), platform.python_version(), numba_version, target())
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return cache_directory() / f"compiled-{key}"


def is_compiled() -> bool:
    """Whether a compilation for this source tree and machine has been completed."""
    return JIT_DISABLED or stamp_path().exists()


def run_compiler(cancelled: Callable[[], bool]) -> bool:
    """Compile in a child process, which writes its progress to standard error.

    It dies with this process, however that ends: a killed daemon leaves no compiler behind.
    Returns False when ``cancelled`` said so. Raises StageFailed when it fails.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "exchange.stages.compile", str(os.getpid())],
        stdin=subprocess.DEVNULL,
        cwd="/",
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    try:
        while True:
            try:
                status = process.wait(POLL_S)
                break
            except subprocess.TimeoutExpired:
                if cancelled():
                    return False
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if status:
        raise StageFailed(f"compiling failed with status {status}")
    return True


def _small_configuration() -> Configuration:
    """The shipped configuration with small tables and one session, which may log in."""
    import msgspec

    from exchange.gateway.passwords import hash_password
    from exchange.settings import Session, load

    shipped = load(None)
    settings = shipped.settings
    small: dict[str, dict[str, Any]] = {
        "capacity": {"live_orders": 1024, "tokens_per_day": 4096, "level_blocks": 64},
        "rings": {
            "ingress_order_entry": 1024,
            "ingress_api": 1024,
            "commands": 4096,
            "events": 4096,
        },
        "journal": {"segment_bytes": 1 << 20, "batch": 1024, "archive_segment_events": 4096},
        "order_entry": {"connections": 4, "batch_events": 256},
        "day": {"roll": "manual"},
    }
    settings = msgspec.structs.replace(
        settings,
        **{
            section: msgspec.structs.replace(getattr(settings, section), **keys)
            for section, keys in small.items()
        },
    )
    password = hash_password(PASSWORD, n=16, r=1)
    return msgspec.structs.replace(
        shipped,
        settings=settings,
        sessions=[Session(id=1, username=USERNAME, password=password, account=1003)],
    )


def _run_exchange(directory: Path, configuration: Configuration, start: str) -> Iterator[str]:
    """Start a small exchange on ``directory``, trade, end it; yields the name of each part."""
    import msgspec
    import numpy as np

    from exchange.control.producer import ControlProducer
    from exchange.control.trading import TradingControl
    from exchange.core.pipeline import IngressRing
    from exchange.core.region import RingCapacities, core_sections
    from exchange.core.stage_names import CORE_STAGES, StageName
    from exchange.stages.wiring import (
        build_journaler,
        build_matcher,
        build_order_entry,
        recover_engine,
    )

    settings = configuration.settings
    rings = RingCapacities(**msgspec.structs.asdict(settings.rings))
    stages = (*CORE_STAGES, StageName.ORDER_ENTRY, StageName.DAEMON)
    eventfds = {name: os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK) for name in stages}
    arrays = {s.name: np.zeros(s.count, s.dtype) for s in core_sections(rings)}
    yield f"{start}: recovery"
    state, facts = recover_engine(directory, settings, False, None)
    yield f"{start}: matcher"
    matcher = build_matcher(state, settings, arrays, eventfds)
    matcher.on_start()
    yield f"{start}: journaler"
    journaler = build_journaler(directory, facts, settings, arrays, eventfds)
    journaler.on_start()
    yield f"{start}: control"
    producer = ControlProducer(
        arrays[IngressRing.CONTROL.section], arrays["cursors"], eventfds[StageName.MATCHER]
    )
    TradingControl(configuration).recovered(facts, producer)
    yield f"{start}: matching and commit"
    while not producer.settled():
        matcher.do_work(1024)
        journaler.do_work(1024)
    yield f"{start}: order entry"
    listener = socket.create_server(("127.0.0.1", 0))
    hashes = {s.username: s.password for s in configuration.sessions}
    gateway = build_order_entry(directory, settings, arrays, eventfds, hashes, listener)
    gateway.on_start()
    idle = gateway.idle_strategy(1)
    agents: tuple[Any, ...] = (matcher, journaler, gateway)

    def work() -> None:
        for agent in agents:
            agent.do_work(1024)
        idle.prepare()
        idle.resume()

    yield f"{start}: orders over TCP"
    _trade(listener.getsockname()[1], work, start.replace(" ", "")[:6])
    for agent in reversed(agents):
        agent.on_close()
    for descriptor in eventfds.values():
        os.close(descriptor)


def _trade(port: int, work: Callable[[], None], token: str) -> None:
    """Log in, send every kind of message, read the answers; ``work`` runs the agents meanwhile.

    ``token``: the first characters of every order token.
    """
    from concurrent.futures import ThreadPoolExecutor

    from exchange.client.order_entry import OrderEntryClient

    def talk() -> None:
        with OrderEntryClient("127.0.0.1", port) as client:
            client.login(USERNAME, PASSWORD, sequence=1)
            client.enter(f"{token}1", "S", 100, "AAPL", 1_500_000)
            client.enter(f"{token}2", "B", 50, "AAPL", 1_500_000)
            client.replace(f"{token}1", f"{token}3", 90, 1_510_000)
            client.modify(f"{token}3", "T", 80)
            client.cancel(f"{token}3", 0)
            client.enter(f"{token}4", "B", 1, "NONE", 1_000_000)
            for message in client.messages(600.0):
                if message.letter == "J":
                    break
            client.logout()

    with ThreadPoolExecutor(1) as pool:
        talking = pool.submit(talk)
        while not talking.done():
            work()
        talking.result()


def _compile_read_models() -> None:
    from exchange.api.websocket.fan_out import compile_sending
    from exchange.api.websocket.trade_frames import compile_trade_frames
    from exchange.read_model.accounts.model import compile_accounts
    from exchange.read_model.market.model import compile_market

    compile_market()
    compile_accounts()
    compile_sending()
    compile_trade_frames()


def _in_one_process(directory: Path) -> Iterator[str]:
    """Run a small exchange twice; yields the name of each part before it is compiled."""
    yield "imports"
    configuration = _small_configuration()
    for start in ("first start", "restart"):
        yield from _run_exchange(directory, configuration, start)
    yield "read models"
    _compile_read_models()


def compile_everything(report: Callable[[str], None]) -> None:
    """Compile; ``report(part)`` before each part."""
    with tempfile.TemporaryDirectory(prefix="exchange-compile-") as directory:
        for part in _in_one_process(Path(directory)):
            report(part)
    prune()
    stamp = stamp_path()
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.touch()


def main() -> int:
    """Compile with progress on standard error: a line per part, and one now and then."""
    shield()  # nobody who reads the progress can hold up the first start
    if len(sys.argv) > 1:  # a daemon's: its pid
        ignore((*HARMLESS, *STOPPING, signal.SIGHUP))  # the daemon decides when this ends
        die_with_parent(int(sys.argv[1]))
    started_s = time.monotonic()
    done = threading.Event()
    current = "imports"

    def show() -> None:
        seconds = time.monotonic() - started_s
        print(f"compiling (first start): {seconds:5.1f} s  {current}", file=sys.stderr, flush=True)

    def show_now_and_then() -> None:
        while not done.wait(REMIND_S):
            show()

    def report(part: str) -> None:
        nonlocal current
        current = part
        show()

    reminder = threading.Thread(target=show_now_and_then, daemon=True)
    reminder.start()
    compile_everything(report)
    done.set()
    reminder.join()
    report("done")
    return 0


if __name__ == "__main__":
    sys.exit(main())
