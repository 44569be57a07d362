"""Makes the agents from the settings: which section, cursor and file each stage gets.

Who uses it: the stages, and the compiler, which runs all three agents in one process. The agents
read no configuration; only here do its names meet their parameters.
"""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from exchange.codes import FLAG_LONG, Parameter
from exchange.core import pipeline
from exchange.core.capacity import CapacityHistory, EngineCapacity
from exchange.core.counters import Counter, Histogram
from exchange.core.pipeline import IngressRing
from exchange.core.region import AGENTS
from exchange.core.stage_names import EVENT_CONSUMERS, StageName
from exchange.engine.sequencer import MatcherAgent
from exchange.engine.state.enlarge import enlarged
from exchange.engine.state.layout import EngineState
from exchange.errors import ConfigurationError, DataDirectoryUnavailable, ExchangeError
from exchange.gateway.order_entry import OrderEntryAgent, OrderEntryParameters
from exchange.records import (
    COMMAND_LAYOUT,
    COMMAND_SEQUENCE_OFFSET,
    EVENT,
    EVENT_LAYOUT,
    FLAGS_OFFSET,
    KIND_OFFSET,
)
from exchange.recovery.facts import EngineFacts, describe_engine
from exchange.recovery.newer import explained
from exchange.recovery.rebuild import rebuild
from exchange.runtime.account_models import too_large
from exchange.runtime.data_directory import (
    CAPACITY_FILE,
    archive_directory,
    journal_directory,
    load_capacities,
    load_capacity,
    save_capacities,
    save_capacity,
)
from exchange.settings import Settings
from exchange.settings.capacities import changed_capacities, engine_capacity
from journal.archive_reader import ArchiveReader
from journal.archive_writer import ArchiveWriter
from journal.duty_cycle import JournalerMetrics
from journal.errors import JournalCorrupt
from journal.journaler import JournalerAgent, JournalerCursors
from journal.layout import JOURNAL_SUFFIX
from journal.segment import list_segments
from journal.writer import JournalWriter
from ringbuffer.counters import HISTOGRAM_WORDS

log = logging.getLogger(__name__)

Arrays = Mapping[str, np.ndarray]
Progress = Callable[[int, int], None]


def _refuse_to_replace_capacity(data_directory: Path, configured: EngineCapacity) -> None:
    """Raise DataDirectoryUnavailable where the capacities of the first start have been lost.

    They decide which orders were refused: with others the same journal gives other events.
    """
    directory = journal_directory(data_directory)
    if directory.is_dir() and list_segments(directory, JOURNAL_SUFFIX):
        raise DataDirectoryUnavailable(
            f"{data_directory / CAPACITY_FILE} is missing, and {directory} has a journal: put it "
            "back from a backup. It has the capacities since the first start; if [capacity] has "
            f"never changed, they are {json.dumps(configured._asdict())}"
        )


def recover_engine(
    data_directory: Path, settings: Settings, rebuild_archive: bool, progress: Progress | None
) -> tuple[EngineState, EngineFacts]:
    """Rebuild the state from the journal, repairing a torn tail and completing the archive.

    The first start fixes the capacities; one with larger numbers enlarges them. Raises
    ConfigurationError where a number is smaller than that of the data directory, or too large.
    """
    configured = engine_capacity(settings)
    for key, what in too_large(settings):
        raise ConfigurationError(f"[capacity]: {key}: {what}")
    capacities = load_capacities(data_directory)
    if capacities is None:
        _refuse_to_replace_capacity(data_directory, configured)
        capacities = CapacityHistory.of(configured)
        save_capacity(data_directory, configured)
    changes = list(changed_capacities(settings, capacities.latest))
    for changed in changes:
        if changed.refusal:
            raise ConfigurationError(f"[capacity]: {changed.key}: {changed.refusal}")
    for directory in (journal_directory(data_directory), archive_directory(data_directory)):
        directory.mkdir(mode=0o700, exist_ok=True)
    try:
        result = rebuild(
            data_directory,
            capacities,
            repair=True,
            write_archive=True,
            rebuild_archive=rebuild_archive,
            archive_segment_events=settings.journal.archive_segment_events,
            progress=progress,
        )
    except (ExchangeError, JournalCorrupt) as error:
        raise explained(data_directory, error) from error
    log.info(
        "recovered",
        extra={
            "fields": {
                "next_command": result.next_command,
                "next_event": result.next_event,
                "replayed": result.commands_replayed,
                "torn_records": result.torn_records,
                "archive_appended": result.archive_appended,
                "snapshot": str(result.snapshot_used) if result.snapshot_used else None,
                "seconds": round(result.seconds, 3),
            }
        },
    )
    for reason in result.snapshots_refused:
        log.warning("snapshot not used: %s", reason)
    assert result.recovery is not None, "asked for with repair=True"
    after = capacities.enlarged(result.next_command, configured)
    state = result.state
    if after != capacities:
        state = _enlarge(data_directory, state, after)
        log.info(
            "capacities enlarged",
            extra={
                "fields": {"from_command": result.next_command}
                | {each.key: [each.held, each.configured] for each in changes}
            },
        )
    return state, describe_engine(
        state,
        recovery=result.recovery,
        replayed_commands=result.commands_replayed,
        replayed_events=result.events_replayed,
        duration_ns=int(result.seconds * 1e9),
        snapshot_sequence=int(result.snapshot_used.stem) if result.snapshot_used else 0,
    )


def _enlarge(data_directory: Path, state: EngineState, capacities: CapacityHistory) -> EngineState:
    """``state`` with the latest of ``capacities``, which the data directory has from now on.

    It has them before a command is applied with them, so that every replay knows, and not before
    there was memory for them. The journal is durable up to the command from which they hold.
    """
    larger = enlarged(state, capacities.latest)
    save_capacities(data_directory, capacities)
    return larger


def _wakeups(eventfds: Mapping[StageName, int]) -> np.ndarray:
    wakeups = np.full(pipeline.AGENTS, -1, np.int64)
    for stage, descriptor in eventfds.items():
        wakeups[AGENTS[stage]] = descriptor
    return wakeups


def build_matcher(
    state: EngineState,
    settings: Settings,
    arrays: Arrays,
    eventfds: Mapping[StageName, int],
) -> MatcherAgent:
    """The matcher on a recovered state."""
    return MatcherAgent(
        state,
        {ring: arrays[ring.section] for ring in IngressRing},
        arrays["command_ring"],
        arrays["event_ring"],
        cursors=arrays["cursors"],
        counters=arrays["counters"],
        histograms=arrays["histograms"],
        wakeups=_wakeups(eventfds),
        limit=settings.matcher.batch,
    )


def _histogram(arrays: Arrays, number: Histogram) -> np.ndarray:
    first = int(number) * HISTOGRAM_WORDS
    return arrays["histograms"][first : first + HISTOGRAM_WORDS]


def build_journaler(
    data_directory: Path,
    facts: EngineFacts,
    settings: Settings,
    arrays: Arrays,
    eventfds: Mapping[StageName, int],
) -> JournalerAgent:
    """The journaler, appending where recovery ended."""
    assert facts.recovery is not None, "the matcher has recovered the journal"
    assert facts.recovery.next_sequence == facts.next_command
    writer = JournalWriter(
        journal_directory(data_directory),
        COMMAND_LAYOUT,
        facts.recovery,
        segment_size_bytes=settings.journal.segment_bytes,
        maximum_frame_slots=settings.journal.batch,
        flags_offset=FLAGS_OFFSET,
        long_mask=FLAG_LONG,
    )
    archive = ArchiveWriter(
        archive_directory(data_directory),
        EVENT,
        EVENT_LAYOUT,
        KIND_OFFSET,
        segment_records=settings.journal.archive_segment_events,
        next_sequence=facts.next_event,
    )
    return JournalerAgent(
        writer,
        archive,
        arrays["command_ring"],
        arrays["event_ring"],
        arrays["cursors"],
        JournalerCursors(
            command_published=pipeline.COMMAND_PUBLISHED,
            command_durable=pipeline.COMMAND_DURABLE,
            event_published=pipeline.EVENT_PUBLISHED,
            event_released=pipeline.EVENT_RELEASED,
            stop=pipeline.STOP,
            sleeping=pipeline.sleeping(pipeline.AGENT_JOURNALER),
        ),
        eventfd=eventfds[StageName.JOURNALER],
        command_sequence_offset=COMMAND_SEQUENCE_OFFSET,
        wakeups=[
            (pipeline.sleeping(AGENTS[stage]), descriptor)
            for stage, descriptor in eventfds.items()
            if stage in EVENT_CONSUMERS
        ],
        room_wakeups=[(pipeline.sleeping(pipeline.AGENT_MATCHER), eventfds[StageName.MATCHER])],
        counters=arrays["counters"],
        metrics=JournalerMetrics(
            heartbeat_ns=Counter.JOURNALER_HEARTBEAT_NS,
            commits=Counter.COMMITS,
            committed_slots=Counter.COMMITTED_COMMANDS,
            committed_bytes=Counter.COMMITTED_BYTES,
            last_commit_slots=Counter.LAST_COMMIT_COMMANDS,
            archived_events=Counter.ARCHIVED_EVENTS,
            archived_bytes=Counter.ARCHIVED_BYTES,
            segments=Counter.SEGMENTS,
            idle_ns=Counter.JOURNALER_IDLE_NS,
        ),
        commit_ns=_histogram(arrays, Histogram.COMMIT_NS),
        commit_slots=_histogram(arrays, Histogram.COMMIT_COMMANDS),
    )


def _order_rates(facts: EngineFacts | None) -> dict[int, tuple[int, int]]:
    """Orders a second and burst of each session; 0: of those defined later."""
    if facts is None:
        return {}
    of_sessions = {number: session.parameters for number, session in facts.sessions.items()}
    return {
        number: parameters[Parameter.SESSION_RATE][:2]
        for number, parameters in (of_sessions | {0: facts.defaults}).items()
    }


def build_order_entry(
    data_directory: Path,
    settings: Settings,
    arrays: Arrays,
    eventfds: Mapping[StageName, int],
    password_hashes: dict[str, str],
    listener: socket.socket,
    facts: EngineFacts | None = None,
) -> OrderEntryAgent:
    """The order entry gateway on a bound, listening socket."""
    instruments = {} if facts is None else facts.instruments
    sessions = {} if facts is None else facts.sessions
    section = settings.order_entry
    capacity = load_capacity(data_directory)
    assert capacity is not None, "the matcher has fixed the capacities"
    return OrderEntryAgent(
        OrderEntryParameters(
            host=section.host,
            port=section.port,
            listen_backlog=section.listen_backlog,
            connection_capacity=section.connections,
            unauthenticated_capacity=section.unauthenticated_connections,
            session_capacity=capacity.sessions,
            instrument_capacity=capacity.instruments,
            receive_bytes=section.receive_bytes,
            output_bytes=section.output_bytes,
            backlog_messages=section.backlog_messages,
            stall_timeout_ms=section.stall_timeout_ms,
            login_timeout_ms=section.login_timeout_ms,
            heartbeat_interval_ms=section.heartbeat_interval_ms,
            client_timeout_ms=section.client_timeout_ms,
            takeover_ms=section.takeover_ms,
            linger_ms=section.linger_ms,
            timer_interval_ms=section.timer_interval_ms,
            password_threads=section.password_threads,
            messages_per_order=settings.risk.messages_per_order,
            batch_events=section.batch_events,
        ),
        cursors=arrays["cursors"],
        counters=arrays["counters"],
        ingress=arrays[IngressRing.ORDER_ENTRY.section],
        event_ring=arrays["event_ring"],
        archive=ArchiveReader(archive_directory(data_directory), EVENT, EVENT_LAYOUT, KIND_OFFSET),
        password_hashes=password_hashes,
        eventfd=eventfds[StageName.ORDER_ENTRY],
        matcher_eventfd=eventfds[StageName.MATCHER],
        listener=listener,
        known_instruments={
            i: (facts.terms.symbol, facts.terms.price_decimals) for i, facts in instruments.items()
        },
        known_sessions={i: facts.username for i, facts in sessions.items()},
        known_rates=_order_rates(facts),
    )
