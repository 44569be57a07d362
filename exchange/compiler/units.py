"""What is compiled before a start, in pieces that do not need each other.

Who uses it: ``pool.py``, whose processes take one unit after the other. A unit makes the objects
that a stage makes, small, and has the compiler look at the types of their arrays; where a call
without work does the same it is made. Every function that the engine calls by address is a unit of
its own (``exchange/engine/state/functions.py``).

Invariant: after all units a stage compiles nothing (``tests/unit/exchange/compiler/``).

Decision PKG-8.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exchange.codes import CommandKind, EventKind
from exchange.compiler.small import STAGES, small_arrays, small_configuration
from exchange.control.producer import ControlProducer
from exchange.core import pipeline
from exchange.core.pipeline import IngressRing
from exchange.core.stage_names import StageName
from exchange.engine.matcher import apply_commands
from exchange.engine.sequencer import MatcherAgent
from exchange.engine.state.create import create_state
from exchange.engine.state.functions import ENGINE
from exchange.engine.state.pointers import Rings
from exchange.engine.state.snapshot import read_snapshot, write_snapshot
from exchange.gateway.symbols import add_instrument
from exchange.records import COMMAND, COMMAND_LAYOUT
from exchange.recovery.archive_check import ArchiveCheck, first_difference
from exchange.recovery.facts import EngineFacts, describe_engine
from exchange.runtime.data_directory import (
    archive_directory,
    journal_directory,
    save_capacity,
)
from exchange.settings.capacities import engine_capacity
from exchange.stages.wiring import build_journaler, build_order_entry
from journal import commit
from journal.reader import JournalReader
from journal.recovery import RecoveryReport, recover
from ringbuffer import idle
from ringbuffer.jit import compile_for

_LARGE_FUNCTIONS = {"matcher.apply_group": 4.0, "orders.replace.apply_replace": 1.2}
SETTINGS = small_configuration("").settings
CAPACITY = engine_capacity(SETTINGS)


class Unit(NamedTuple):
    """``name``: for people. ``size``: about how long it takes, in seconds of a slow processor.

    ``trading``: whether orders can only be matched with it.
    """

    name: str
    size: float
    trading: bool
    compile: Callable[[], None]


@contextmanager
def _data_directory() -> Iterator[Path]:
    """An empty data directory with the engine's capacities."""
    with tempfile.TemporaryDirectory(prefix="exchange-compile-") as name:
        directory = Path(name)
        save_capacity(directory, CAPACITY)
        for part in (journal_directory(directory), archive_directory(directory)):
            part.mkdir()
        yield directory


@contextmanager
def _eventfds() -> Iterator[dict[StageName, int]]:
    made = {name: os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK) for name in STAGES}
    try:
        yield made
    finally:
        for descriptor in made.values():
            os.close(descriptor)


def _facts() -> EngineFacts:
    return describe_engine(create_state(CAPACITY), recovery=RecoveryReport())


def _blank_links() -> np.ndarray:
    """Links for code that is compiled and not run: no function is needed yet."""
    return np.zeros(len(ENGINE.arrays) + 1, np.int64)


def compile_matcher() -> None:
    """The matcher's duty cycle, and the replay's way into the engine."""
    arrays, state = small_arrays(SETTINGS), create_state(CAPACITY)
    wakeups = np.full(pipeline.AGENTS, -1, np.int64)
    MatcherAgent(
        state,
        {ring: arrays[ring.section] for ring in IngressRing},
        arrays["command_ring"],
        arrays["event_ring"],
        cursors=arrays["cursors"],
        counters=arrays["counters"],
        histograms=arrays["histograms"],
        wakeups=wakeups,
        links=_blank_links(),
    ).compile()
    commands, events = arrays["command_ring"], arrays["event_ring"]
    rings = Rings(commands, events, 0, arrays["cursors"], wakeups, _blank_links())
    compile_for(apply_commands, state, rings, 0, 0)


def compile_journal() -> None:
    """The journaler on one command and one event, and reading both again as a start does."""
    arrays = small_arrays(SETTINGS)
    with _data_directory() as directory, _eventfds() as eventfds:
        journaler = build_journaler(directory, _facts(), SETTINGS, arrays, eventfds)
        journaler.on_start()
        arrays["command_ring"]["kind"][0] = CommandKind.TIMER
        arrays["event_ring"]["kind"][0] = EventKind.DAY_ENDED
        arrays["cursors"][pipeline.COMMAND_PUBLISHED] = 1
        arrays["cursors"][pipeline.EVENT_PUBLISHED] = 1
        while arrays["cursors"][pipeline.EVENT_RELEASED] == 0:
            journaler.do_work(1)
        journaler.on_close()
        ring = np.zeros(16, COMMAND)
        JournalReader(journal_directory(directory), COMMAND, COMMAND_LAYOUT, 0).read_into(ring, 1)
        recover(journal_directory(directory), COMMAND_LAYOUT, repair=True)
        check = ArchiveCheck(archive_directory(directory), write=False)
        check.compare(0, arrays["event_ring"][:1])
        check.reader.view(0, 1)
        check.reader.missing(0, 2)
        check.close()
        octets = ring.view(np.uint8)
        compile_for(commit.whole_records, octets, 0, 0, 0, 0)
        compile_for(first_difference, octets.view(np.int64), octets.view(np.int64))


def compile_snapshots() -> None:
    """A snapshot written and read."""
    with _data_directory() as directory:
        read_snapshot(write_snapshot(directory, create_state(CAPACITY)))


def compile_order_entry() -> None:
    """The gateway, which listens and gets no client."""
    arrays = small_arrays(SETTINGS)
    with (
        _data_directory() as directory,
        _eventfds() as eventfds,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        gateway = build_order_entry(directory, SETTINGS, arrays, eventfds, {}, listener)
        gateway.on_start()
        add_instrument(gateway.duty.symbols, 1, np.uint64(1), 2)
        strategy = gateway.idle_strategy(0)
        strategy.prepare()
        strategy.resume()
        gateway.on_close()


def compile_producers() -> None:
    """What the daemon and the interfaces call to send commands, and every stage to sleep."""
    arrays = small_arrays(SETTINGS)
    with _eventfds() as eventfds:
        producer = ControlProducer(
            arrays[IngressRing.CONTROL.section], arrays["cursors"], eventfds[StageName.MATCHER]
        )
        command = np.zeros(1, COMMAND)
        command["kind"] = CommandKind.TIMER
        producer.send(command)
        producer.settled()
        scratch = np.zeros(idle.WAIT_SCRATCH_WORDS, np.int64)
        compile_for(idle.announce_sleep, arrays["cursors"], 0)
        compile_for(idle.cancel_sleep, arrays["cursors"], 0)
        compile_for(idle.block, eventfds[StageName.MATCHER], 0, scratch)


def _engine_function(name: str) -> Callable[[], None]:
    return lambda: ENGINE.compile((name,))


def _size_of(name: str) -> float:
    return _LARGE_FUNCTIONS.get(name.removeprefix("exchange.engine."), 0.1)


def units() -> list[Unit]:
    """All units, in the order in which they are to be begun: what trading needs first."""
    # Imported when the list is made: the readers' packages are of no use to the engine's.
    from exchange.api.rest.row_json import compile_row_json
    from exchange.api.websocket.fan_out import compile_sending
    from exchange.api.websocket.trade_frames import compile_trade_frames
    from exchange.read_model.accounts.model import compile_accounts
    from exchange.read_model.market.model import compile_market
    from exchange.store.rows.copy_format import compile_rows

    made = [
        Unit("order entry", 12.0, True, compile_order_entry),
        Unit("journal", 5.0, True, compile_journal),
        Unit("matcher", 3.0, True, compile_matcher),
        Unit("producers", 0.3, True, compile_producers),
        *(
            Unit(f"engine: {name.rpartition('.')[2]}", _size_of(name), True, _engine_function(name))
            for name in ENGINE.names()
        ),
        Unit("account model", 5.0, False, compile_accounts),
        Unit("market model", 4.0, False, compile_market),
        Unit("trade messages", 1.5, False, compile_trade_frames),
        Unit("lists of rows", 1.5, False, compile_row_json),
        Unit("rows for Postgres", 0.5, False, compile_rows),
        Unit("snapshots", 0.5, False, compile_snapshots),
        Unit("sending", 0.1, False, compile_sending),
    ]
    return sorted(made, key=lambda unit: (not unit.trading, -unit.size))
