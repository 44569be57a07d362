"""Entry point of a stage process: ``python -m exchange.stage ROLE PARENT_PID MESSAGES_DESCRIPTOR``.

Who starts it: only the daemon. It dies with the daemon, ignores SIGTERM and SIGINT (a stage stops
when a cursor says so, or is killed), imports what it needs while the daemon prepares the core, then
reads its ``StageSpec`` from standard input, builds its agent and runs it. Its exit status tells the
daemon what kind of failure it was (``errors.ExitStatus``).
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from exchange import logs, pipeline
from exchange.builders import build_journaler, build_matcher, build_order_entry, recover_engine
from exchange.core import RingCapacities, core_sections
from exchange.engine_facts import EngineFacts
from exchange.errors import ExchangeError, ExitStatus
from exchange.process import die_with_parent
from exchange.supervisor import StageMessage, StageSpec
from journal.errors import FatalJournalError
from journal.errors import JournalCorrupt as JournalFilesCorrupt
from ringbuffer.agent import Agent, AgentRunner, ServingAgent
from ringbuffer.errors import RegionError
from ringbuffer.idle import Block, BusySpin, IdleStrategy, Yield
from ringbuffer.prefault import prefault, prefault_in_background
from ringbuffer.region import Region

log = logging.getLogger(__name__)

PROGRESS_INTERVAL_S = 1.0


def exit_status(error: BaseException) -> int:
    """The exit status that stands for ``error``."""
    if isinstance(error, ExchangeError):
        return int(error.status)
    if isinstance(error, FatalJournalError):
        return int(ExitStatus.JOURNAL_FAILED)
    if isinstance(error, JournalFilesCorrupt):
        return int(ExitStatus.JOURNAL_CORRUPT)
    if isinstance(error, RegionError):
        return int(ExitStatus.SHARED_MEMORY_UNAVAILABLE)
    if isinstance(error, OSError):
        # outside the journal's own checks: a file of the data directory
        return int(ExitStatus.DATA_DIRECTORY_UNAVAILABLE)
    return int(ExitStatus.BUG)


class Telephone:
    """The stage's end of the pipe to the daemon."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def send(self, message: StageMessage) -> None:
        """Send one message. The daemon reads always; when it is gone, so are we."""
        data = msgspec.json.encode(message) + b"\n"
        while data:
            data = data[os.write(self._descriptor, data) :]


class _Announced:
    """An agent that tells the daemon when it has started."""

    def __init__(self, agent: Agent, announce: Callable[[], None]) -> None:
        self.name = agent.name
        self._agent = agent
        self._announce = announce

    def on_start(self) -> None:
        self._agent.on_start()
        # what was made so far lives as long as the process: the collector need not look at it
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
    if spec.role == "order_entry":
        strategy: IdleStrategy = role_agent.idle_strategy(timeout_ms)
        return strategy
    agent = {"matcher": pipeline.AGENT_MATCHER, "journaler": pipeline.AGENT_JOURNALER}[spec.role]
    return Block(cursors, [pipeline.sleeping(agent)], [spec.eventfds[spec.role]], timeout_ms)


def _progress(telephone: Telephone) -> Callable[[int, int], None]:
    last_s = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal last_s
        if time.monotonic() - last_s >= PROGRESS_INTERVAL_S:
            last_s = time.monotonic()
            of = f" of {total:,}" if total else ""
            telephone.send(StageMessage(kind="progress", text=f"replayed {done:,}{of} commands"))

    return progress


def run_stage(spec: StageSpec, telephone: Telephone) -> int:
    """Build the agent of ``spec`` on the core's region and run it. Returns its exit status."""
    settings = spec.configuration.settings
    data_directory = Path(spec.data_directory)
    rings = RingCapacities(
        settings.rings.ingress_control,
        settings.rings.ingress_order_entry,
        settings.rings.commands,
        settings.rings.events,
    )
    region = Region.attach(spec.region, core_sections(rings))
    arrays = region.arrays
    for array in arrays.values():
        prefault(array)  # the memory exists already: this maps it into this process
    cursors = arrays["cursors"]
    facts: EngineFacts | None = None
    agent: Any
    limit = settings.matcher.batch
    if spec.role == "matcher":
        state, facts = recover_engine(
            data_directory, settings, spec.rebuild_archive, _progress(telephone)
        )
        agent = build_matcher(state, facts, settings, arrays, spec.eventfds)
        prefault_in_background(
            (state.token_index, state.order_ids, state.orders, state.token_log),
            settings.matcher.prefault_bytes,
        )
    elif spec.role == "journaler":
        facts = msgspec.json.decode(spec.facts, type=EngineFacts)
        agent = build_journaler(data_directory, facts, settings, arrays, spec.eventfds)
        facts = None
    else:
        listener = socket.socket(fileno=spec.listener)
        hashes = {s.username: s.password for s in spec.configuration.sessions}
        known = msgspec.json.decode(spec.facts, type=EngineFacts | None)
        agent = build_order_entry(
            data_directory, settings, arrays, spec.eventfds, hashes, listener, known
        )
        limit = settings.order_entry.batch_events

    def announce() -> None:
        encoded = msgspec.Raw(msgspec.json.encode(facts))
        telephone.send(StageMessage(kind="ready", facts=encoded))

    def should_stop() -> bool:
        return bool(cursors[pipeline.STOP]) or bool(getattr(agent, "finished", False))

    def failed(error: Exception) -> int:
        status = exit_status(error)
        telephone.send(StageMessage(kind="fatal", status=status, text=_explain(error)))
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
    )
    return runner.run()


def _explain(error: BaseException) -> str:
    text = str(error) or repr(error)
    return text if isinstance(error, ExchangeError) else f"{type(error).__name__}: {text}"


def main() -> int:
    """Run one stage. Returns its exit status."""
    role, parent, descriptor = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    die_with_parent(parent)
    os.set_inheritable(descriptor, False)
    telephone = Telephone(descriptor)
    encoded = sys.stdin.buffer.read()
    if not encoded:
        return ExitStatus.OK  # the daemon changed its mind
    spec = msgspec.json.decode(encoded, type=StageSpec)
    assert spec.role == role
    settings = spec.configuration.settings
    log_file = settings.log.file
    logs.configure(
        role, settings.log.level, Path(spec.data_directory) / log_file if log_file else None
    )
    try:
        return run_stage(spec, telephone)
    except Exception as error:
        status = exit_status(error)
        log.critical("%s", _explain(error), exc_info=status == ExitStatus.BUG)
        telephone.send(StageMessage(kind="fatal", status=status, text=_explain(error)))
        return status


if __name__ == "__main__":
    sys.exit(main())
