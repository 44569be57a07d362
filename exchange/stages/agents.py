"""The body of the stages that are agents: matcher, journaler, order entry.

Who uses it: ``main.py``. It builds the agent of its role on the core's region and runs it with the
idle strategy of the CPU plan.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from exchange.core import pipeline
from exchange.core.counters import IDLE_TIMES, LOG_LINES_LOST
from exchange.core.region import AGENTS, RingCapacities, core_sections
from exchange.core.stage_names import StageName
from exchange.errors import exit_status
from exchange.recovery.facts import EngineFacts
from exchange.runtime.channel import DaemonChannel, explain
from exchange.runtime.journal_lock import lock_journal
from exchange.runtime.logs import lost_lines, set_level
from exchange.runtime.spec import ListenerName, StageMessage, StageSpec
from exchange.runtime.updates import Updates
from exchange.settings import Configuration
from exchange.stages.wiring import build_journaler, build_matcher, build_order_entry, recover_engine
from ringbuffer.agent import Agent, AgentRunner, ServingAgent
from ringbuffer.atomics import load_acquire
from ringbuffer.counters import COUNTER_STRIDE, IdleTime
from ringbuffer.idle import Block, BusySpin, IdleStrategy, Yield
from ringbuffer.prefault import prefault, prefault_in_background
from ringbuffer.region import Region

log = logging.getLogger(__name__)

PROGRESS_INTERVAL_S = 1.0


class _Announced:
    """An agent that reports to the daemon when it has started."""

    def __init__(self, agent: Agent, announce: Callable[[], None]) -> None:
        self.name = agent.name
        self._agent = agent
        self._announce = announce

    def on_start(self) -> None:
        self._agent.on_start()
        # the objects made so far stay until the process ends: the collector need not visit them
        gc.collect()
        gc.freeze()
        self._announce()

    def do_work(self, limit: int) -> int:
        return self._agent.do_work(limit)

    def serve(self, limit: int, timeout_ms: int) -> int:
        serving: ServingAgent = self._agent  # type: ignore[assignment]
        return serving.serve(limit, timeout_ms)

    def on_close(self) -> None:
        self._agent.on_close()


def _idle_strategy(spec: StageSpec, role_agent: Any, cursors: np.ndarray) -> IdleStrategy:
    if spec.idle == "busy_spin":
        return BusySpin()
    if spec.idle == "yield":
        return Yield()
    timeout_ms = spec.configuration.settings.supervision.idle_timeout_ms
    if spec.role == StageName.ORDER_ENTRY:
        strategy: IdleStrategy = role_agent.idle_strategy(timeout_ms)
        return strategy
    return Block(
        cursors, pipeline.sleeping(AGENTS[spec.role]), spec.eventfds[spec.role], timeout_ms
    )


def _progress(channel: DaemonChannel) -> Callable[[int, int], None]:
    last_s = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal last_s
        if time.monotonic() - last_s >= PROGRESS_INTERVAL_S:
            last_s = time.monotonic()
            of = f" of {total:,}" if total else ""
            channel.send(StageMessage(kind="progress", text=f"replayed {done:,}{of} commands"))

    return progress


def password_hashes(configuration: Configuration) -> dict[str, str]:
    """User name -> scrypt string, of every session in the configuration."""
    return {session.username: session.password for session in configuration.sessions}


def _lock_journal(data_directory: Path, channel: DaemonChannel) -> int:
    """The descriptor that holds the lock; who has to wait for it says so."""
    return lock_journal(
        data_directory, lambda text: channel.send(StageMessage(kind="progress", text=text))
    )


@contextlib.contextmanager
def _writing_journal(data_directory: Path, channel: DaemonChannel) -> Iterator[None]:
    descriptor = _lock_journal(data_directory, channel)
    try:
        yield
    finally:
        os.close(descriptor)


def run(spec: StageSpec, channel: DaemonChannel, updates: Updates) -> int:
    """Build the agent of ``spec`` on the core's region and run it. Returns its exit status."""
    settings = spec.configuration.settings
    data_directory = Path(spec.data_directory)
    rings = RingCapacities(**msgspec.structs.asdict(settings.rings))
    region = Region.attach(spec.region, core_sections(rings))
    arrays = region.arrays
    for array in arrays.values():
        prefault(array)  # the memory exists already: this maps it into this process
    cursors = arrays["cursors"]
    facts: EngineFacts | None = None
    agent: Any
    grown: tuple[np.ndarray, ...] = ()  # tables that the agent fills little by little
    limit = settings.matcher.batch
    if spec.role == StageName.MATCHER:
        with _writing_journal(data_directory, channel):
            state, facts = recover_engine(
                data_directory, settings, spec.rebuild_archive, _progress(channel)
            )
        agent = build_matcher(state, settings, arrays, spec.eventfds)
        grown = state.token_index, state.order_ids, state.orders, state.token_log
    elif spec.role == StageName.JOURNALER:
        facts = msgspec.json.decode(spec.facts, type=EngineFacts)
        _lock_journal(data_directory, channel)  # as long as this process lives
        agent = build_journaler(data_directory, facts, settings, arrays, spec.eventfds)
        facts = None
    else:
        listener = socket.socket(fileno=spec.listeners[ListenerName.ORDER_ENTRY])
        hashes = password_hashes(spec.configuration)
        known = msgspec.json.decode(spec.facts, type=EngineFacts | None)
        agent = build_order_entry(
            data_directory, settings, arrays, spec.eventfds, hashes, listener, known
        )
        limit = settings.order_entry.batch_events

    def announce() -> None:
        encoded = msgspec.Raw(msgspec.json.encode(facts))
        channel.send(StageMessage(kind="ready", facts=encoded))
        # not before: it would keep a processor busy that the start needs
        prefault_in_background(grown, settings.matcher.prefault_bytes)

    def should_stop() -> bool:
        update = updates.take()
        if update is not None:
            set_level(update.settings.log.level)
            if spec.role == StageName.ORDER_ENTRY:
                agent.set_passwords(password_hashes(update))
        arrays["counters"][LOG_LINES_LOST[spec.role] * COUNTER_STRIDE] = lost_lines()
        return bool(load_acquire(cursors, pipeline.STOP)) or bool(getattr(agent, "finished", False))

    def failed(error: Exception) -> int:
        status = exit_status(error)
        channel.send(StageMessage(kind="fatal", status=status, text=explain(error)))
        return status

    runner = AgentRunner(
        _Announced(agent, announce),
        _idle_strategy(spec, agent, cursors),
        cpus=spec.cpus,
        limit=limit,
        serve_timeout_ms=settings.supervision.idle_timeout_ms,
        should_stop=should_stop,
        exit_status=failed,
        logger=log,
        idle_time=IdleTime(arrays["counters"], IDLE_TIMES[spec.role]),
    )
    return runner.run()
