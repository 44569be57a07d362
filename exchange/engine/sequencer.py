"""The matcher as an agent: sequence what the producers sent, publish it, apply it, publish events.

One duty cycle::

    ingress rings, round robin, at most ``limit`` slots each
        -> command ring, stamped with one reading of the exchange's clock
           publish COMMAND_PUBLISHED, wake the journaler
        -> apply_commands
           publish EVENT_PUBLISHED and COMMAND_APPLIED, wake the journaler
        -> counters, histogram of receive time to publication, NEXT_EXPIRY_SECOND

The single writer of the cursors above and of ``ingress_consumed``. A long command is taken only
when its second slot has been published too, and never split over two publications.

The exchange's clock is CLOCK_MONOTONIC plus CLOCK_OFFSET, which the daemon keeps: so a step of the
wall clock moves no timestamp, and what counts from timestamps (rates, expiries, halts) goes on.

Decisions RNG-1 and CTL-9.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from exchange.codes import FLAG_LONG, CommandKind
from exchange.core.counters import Counter, Histogram
from exchange.core.pipeline import (
    AGENT_API,
    AGENT_DAEMON,
    AGENT_GRPC,
    AGENT_JOURNALER,
    AGENT_MATCHER,
    AGENT_ORDER_ENTRY,
    CLOCK_OFFSET,
    COMMAND_APPLIED,
    COMMAND_DURABLE,
    COMMAND_PUBLISHED,
    EVENT_PUBLISHED,
    NEXT_EXPIRY_SECOND,
    STOP,
    IngressRing,
    ingress_consumed,
    ingress_published,
    sleeping,
)
from exchange.engine.matcher import apply_commands
from exchange.engine.state.layout import (
    EVENT_WAITS,
    LAST_TIMESTAMP_NS,
    LEAVES_USED,
    LIVE_ORDERS,
    NEXT_COMMAND,
    NEXT_DEADLINE_SECOND,
    NEXT_EVENT,
    NODES_USED,
    PENDING_HEAD,
    POSITIONS_USED,
    REJECTS,
    TOKENS_USED,
    TRADES,
    EngineState,
)
from exchange.engine.state.layout import NEXT_EXPIRY_SECOND as STATE_NEXT_EXPIRY_SECOND
from exchange.engine.state.memory import get, put, words
from exchange.engine.state.pointers import Rings, make_links
from exchange.records import COMMAND_FLAGS, COMMAND_KIND, COMMAND_TIMESTAMP_NS, COMMAND_WORDS
from ringbuffer.atomics import load_acquire
from ringbuffer.counters import (
    COUNTER_STRIDE,
    HISTOGRAM_WORDS,
    add,
    record_many,
    set_value,
    wait_began,
    wait_ended,
)
from ringbuffer.idle import WAIT_SCRATCH_WORDS, announce_sleep, block, cancel_sleep, wake
from ringbuffer.jit import JIT_DISABLED, compile_for, jit
from ringbuffer.ring import available, producer_may_wait, publish, room

if JIT_DISABLED:
    import time

    CLOCK_REALTIME, CLOCK_MONOTONIC = 0, 1

    def clock_ns(clock: int, scratch: np.ndarray) -> int:
        """Nanoseconds of ``clock``."""
        return time.time_ns() if clock == CLOCK_REALTIME else time.monotonic_ns()

else:
    from ringbuffer.system_calls import CLOCK_MONOTONIC, CLOCK_REALTIME, clock_ns

# Duty cycles without a return to the interpreter: some milliseconds when each is full.
CYCLES = 32
_JOURNALER = int(AGENT_JOURNALER)
_JOURNALER_SLEEPING = sleeping(AGENT_JOURNALER)
_OWN_SLEEPING = sleeping(AGENT_MATCHER)
# counter of kind k: the first of its run of kinds + k
_KIND_COUNTERS = int(Counter.COMMANDS_ENTER) - int(CommandKind.ENTER)
_LAST_OF_FIRST_RUN = CommandKind.CANCEL_BY_ORDER_ID
_LATER_KIND_COUNTERS = int(Counter.COMMANDS_CURRENCY) - int(CommandKind.CURRENCY)
_LAST_OF_LATER_RUN = CommandKind.MODIFY_BY_ORDER_ID
PRODUCERS = {
    IngressRing.CONTROL: AGENT_DAEMON,
    IngressRing.ORDER_ENTRY: AGENT_ORDER_ENTRY,
    IngressRing.API: AGENT_API,
    IngressRing.GRPC: AGENT_GRPC,
}

# words of Sequencer.words
_NEXT_RING = 0  # position in `rings` of the ring that is served first next time
_STOPPED = 1
_SEQUENCER_WORDS = 8
# columns of Sequencer.rings
_PUBLISHED, _CONSUMED, _PRODUCER_SLEEPING, _PRODUCER = 0, 1, 2, 3

assert [kind.name for kind in CommandKind if kind <= _LAST_OF_LATER_RUN] == [
    Counter(
        (_KIND_COUNTERS if kind <= _LAST_OF_FIRST_RUN else _LATER_KIND_COUNTERS) + kind
    ).name.removeprefix("COMMANDS_")
    for kind in CommandKind
    if kind <= _LAST_OF_LATER_RUN
]
assert max(CommandKind) == CommandKind.NOTE, "every kind has a counter"


@jit
def counter_of(kind: int) -> int:
    """The counter of commands of ``kind``."""
    if kind == CommandKind.NOTE:
        return Counter.COMMANDS_NOTE
    if kind <= 0 or kind > _LAST_OF_LATER_RUN:
        return Counter.COMMANDS_OTHER
    return kind + (_KIND_COUNTERS if kind <= _LAST_OF_FIRST_RUN else _LATER_KIND_COUNTERS)


class Sequencer(NamedTuple):
    """What a duty cycle needs beside the state; int64 arrays unless said otherwise."""

    ingress: tuple[np.ndarray, ...]  # COMMAND[capacity] each
    rings: np.ndarray  # (len(ingress), 4): cursor words, the producer's sleeping flag, its number
    command_ring: np.ndarray  # COMMAND
    event_ring: np.ndarray  # EVENT
    cursors: np.ndarray
    counters: np.ndarray
    histogram: np.ndarray
    wakeups: np.ndarray
    received: np.ndarray  # receive time of each slot of the batch
    words: np.ndarray
    clock: np.ndarray
    links: np.ndarray  # of the engine's view (pointers.py)


@jit
def take(sequencer: Any, number: int, limit: int, sequence: int, now_ns: int, taken: int) -> int:
    """Move up to ``limit`` slots of ingress ring ``number`` to the command ring; how many.

    They get the sequences from ``sequence`` on; the batch already holds ``taken`` slots.
    """
    consumed = sequencer.cursors[sequencer.rings[number, _CONSUMED]]  # written by us alone
    limit = available(sequencer.cursors, sequencer.rings[number, _PUBLISHED], consumed, limit)
    if limit <= 0:
        return 0
    ring_size = sequencer.ingress[number].shape[0]
    source = words(sequencer.ingress[number])
    target = words(sequencer.command_ring)
    source_mask = ring_size - 1
    target_mask = sequencer.command_ring.shape[0] - 1
    counters = words(sequencer.counters)
    received = words(sequencer.received)
    moved = 0
    while moved < limit:
        command_at = ((consumed + moved) & source_mask) * COMMAND_WORDS
        flags = get(source, command_at + COMMAND_FLAGS.word) >> COMMAND_FLAGS.shift
        size = 2 if flags & FLAG_LONG != 0 else 1
        if moved + size > limit:
            break
        kind = get(source, command_at + COMMAND_KIND.word) >> COMMAND_KIND.shift
        counter = counter_of(kind & COMMAND_KIND.mask)
        put(counters, counter * COUNTER_STRIDE, get(counters, counter * COUNTER_STRIDE) + 1)
        # A continuation has no receive time of its own; -1 keeps it out of the histogram.
        received_ns = get(source, command_at + COMMAND_TIMESTAMP_NS.word)
        put(received, taken + moved, received_ns)
        for part in range(size):
            source_at = ((consumed + moved + part) & source_mask) * COMMAND_WORDS
            target_at = ((sequence + moved + part) & target_mask) * COMMAND_WORDS
            for word in range(COMMAND_WORDS):
                put(target, target_at + word, get(source, source_at + word))
            if part == 0:
                put(target, target_at + COMMAND_TIMESTAMP_NS.word, now_ns)
            else:
                put(received, taken + moved + 1, -1)
        moved += size
    if moved == 0:
        return 0
    # release: we have copied the slots before the producer may reuse them
    publish(sequencer.cursors, sequencer.rings[number, _CONSUMED], consumed + moved)
    if producer_may_wait(
        sequencer.cursors, sequencer.rings[number, _PUBLISHED], consumed, ring_size
    ):
        producer = sequencer.rings[number, _PRODUCER]
        wake(
            sequencer.cursors,
            sequencer.rings[number, _PRODUCER_SLEEPING],
            sequencer.wakeups[producer],
        )
    return moved


@jit
def record_latencies(sequencer: Any, count: int) -> None:
    """Count publication minus receive time of each command of the batch, runs of equals at once."""
    now_ns = clock_ns(CLOCK_MONOTONIC, sequencer.clock)
    number = 0
    while number < count:
        received_ns = sequencer.received[number]
        run = 1
        while number + run < count and sequencer.received[number + run] == received_ns:
            run += 1
        if received_ns >= 0:
            record_many(sequencer.histogram, now_ns - received_ns, run)
        number += run


@jit
def timer_second(scalars: np.ndarray) -> int:
    """The second from which on a TIMER command has something to do; 0 if none is needed.

    1, at once, while stops that are due wait for the end of another command.
    """
    if scalars[PENDING_HEAD] != 0:
        return 1
    expiry: int = scalars[STATE_NEXT_EXPIRY_SECOND]
    deadline: int = scalars[NEXT_DEADLINE_SECOND]
    if expiry == 0 or (deadline != 0 and deadline < expiry):
        return deadline
    return expiry


@jit
def gauge_tables(sequencer: Any, scalars: np.ndarray) -> None:
    """Say what is in use of the tables that all members share; ``scalars``: int64, the state's."""
    set_value(sequencer.counters, Counter.TOKENS_USED, scalars[TOKENS_USED])
    set_value(sequencer.counters, Counter.LIVE_ORDERS, scalars[LIVE_ORDERS])
    set_value(sequencer.counters, Counter.LEVEL_BLOCKS_USED, scalars[LEAVES_USED])
    set_value(sequencer.counters, Counter.LEVEL_NODES_USED, scalars[NODES_USED])
    set_value(sequencer.counters, Counter.POSITIONS_USED, scalars[POSITIONS_USED])


@jit
def duty_cycle(state: Any, sequencer: Any, limit: int) -> int:
    """One pass over all ingress rings; the number of slots taken, 0 when there was nothing."""
    now_ns = clock_ns(CLOCK_MONOTONIC, sequencer.clock)
    set_value(sequencer.counters, Counter.MATCHER_HEARTBEAT_NS, now_ns)
    if sequencer.words[_STOPPED] != 0:
        return 0
    scalars = state.scalars
    first = scalars[NEXT_COMMAND]
    sequence = first
    # the journaler has written the slots to the journal before we reuse them
    free = room(sequencer.cursors, COMMAND_DURABLE, first, sequencer.command_ring.shape[0])
    # acquire: orders nothing, but makes this a look at memory every time
    clock_offset_ns = load_acquire(sequencer.cursors, CLOCK_OFFSET)
    if clock_offset_ns != 0:
        now_ns += clock_offset_ns
    else:
        now_ns = clock_ns(CLOCK_REALTIME, sequencer.clock)
    now_ns = max(scalars[LAST_TIMESTAMP_NS], now_ns)
    ring_count = len(sequencer.ingress)
    for step in range(ring_count):
        number = (sequencer.words[_NEXT_RING] + step) % ring_count
        # the batch's scratch has room for `limit` slots of every ring
        most = min(limit, sequencer.received.shape[0] // ring_count, free)
        moved = take(sequencer, number, most, sequence, now_ns, sequence - first)
        sequence += moved
        free -= moved
    sequencer.words[_NEXT_RING] = (sequencer.words[_NEXT_RING] + 1) % ring_count
    taken: int = sequence - first
    if taken == 0:
        return 0
    # release: the slots are written before the journaler reads them
    publish(sequencer.cursors, COMMAND_PUBLISHED, sequence)
    wake(sequencer.cursors, _JOURNALER_SLEEPING, sequencer.wakeups[_JOURNALER])
    rejects = scalars[REJECTS]
    trades = scalars[TRADES]
    waits = scalars[EVENT_WAITS]
    rings = Rings(
        sequencer.command_ring,
        sequencer.event_ring,
        0,
        sequencer.cursors,
        sequencer.wakeups,
        sequencer.links,
    )
    emitted = apply_commands(state, rings, first, sequence)
    if emitted < 0:
        sequencer.words[_STOPPED] = 1
        return 0
    # release: the events are written before anyone reads them
    publish(sequencer.cursors, EVENT_PUBLISHED, scalars[NEXT_EVENT])
    # release: after the events, so that an applied command's events are visible
    publish(sequencer.cursors, COMMAND_APPLIED, sequence)
    # release: the daemon that sees this second sees the cursors above
    publish(sequencer.cursors, NEXT_EXPIRY_SECOND, timer_second(scalars))
    wake(sequencer.cursors, _JOURNALER_SLEEPING, sequencer.wakeups[_JOURNALER])
    record_latencies(sequencer, taken)
    add(sequencer.counters, Counter.REJECTS, scalars[REJECTS] - rejects)
    add(sequencer.counters, Counter.TRADES, scalars[TRADES] - trades)
    add(sequencer.counters, Counter.MATCHER_WAITS, scalars[EVENT_WAITS] - waits)
    gauge_tables(sequencer, scalars)
    return taken


@jit
def serve(
    state: Any,
    sequencer: Any,
    limit: int,
    eventfd: int,
    timeout_ms: int,
    cycles: int,
    scratch: np.ndarray,
) -> int:
    """Duty cycles and sleeps without the interpreter; slots taken.

    Returns after ``cycles`` cycles, the stop word, or a sleep that nobody ended. The sleep is the
    protocol of ringbuffer/idle.py.
    """
    total = 0
    for _ in range(cycles):
        done = duty_cycle(state, sequencer, limit)
        total += done
        if done > 0:
            continue
        announce_sleep(sequencer.cursors, _OWN_SLEEPING)
        done = duty_cycle(state, sequencer, limit)
        total += done
        woken = True
        # acquire: orders nothing, but makes this a look at memory every time
        if done == 0 and load_acquire(sequencer.cursors, STOP) == 0:
            began_ns = clock_ns(CLOCK_MONOTONIC, sequencer.clock)
            wait_began(sequencer.counters, Counter.MATCHER_IDLE_NS, began_ns)
            woken = block(eventfd, timeout_ms, scratch)
            ended_ns = clock_ns(CLOCK_MONOTONIC, sequencer.clock)
            wait_ended(sequencer.counters, Counter.MATCHER_IDLE_NS, ended_ns)
        cancel_sleep(sequencer.cursors, _OWN_SLEEPING)
        if not woken or load_acquire(sequencer.cursors, STOP) != 0:
            break
    return total


class MatcherAgent:
    """The matcher stage.

    ``state``: a new or rebuilt engine state. ``ingress``: ring number -> COMMAND[capacity] of the
    producers that exist. ``command_ring``, ``event_ring``: COMMAND and EVENT arrays.
    ``cursors``, ``counters``, ``histograms``: sections of the core (exchange/core/region.py).
    ``wakeups``: eventfd of each agent by number, -1 = cannot be woken (int64[AGENTS]).
    ``limit``: the most slots that one duty cycle will ever be asked to take from one ring.
    ``links``: from ``make_links``, which is called when they are not given (int64).
    All capacities are powers of two. Memory stays the caller's.
    """

    name = "matcher"

    def __init__(
        self,
        state: EngineState,
        ingress: Mapping[int, np.ndarray],
        command_ring: np.ndarray,
        event_ring: np.ndarray,
        *,
        cursors: np.ndarray,
        counters: np.ndarray,
        histograms: np.ndarray,
        wakeups: np.ndarray | Sequence[int],
        limit: int = 1024,
        links: np.ndarray | None = None,
    ) -> None:
        for array in (command_ring, event_ring, *ingress.values()):
            if array.shape[0] < 4 or array.shape[0] & (array.shape[0] - 1):
                raise ValueError("ring capacities must be powers of two, at least 4")
        if not ingress or limit < 2:
            raise ValueError("the matcher needs an ingress ring and a limit of at least 2")
        self.state = state
        self._eventfd = int(wakeups[AGENT_MATCHER])
        self._scratch = np.zeros(WAIT_SCRATCH_WORDS, np.int64)
        histogram_at = int(Histogram.MATCHING_NS) * HISTOGRAM_WORDS
        self._sequencer = Sequencer(
            ingress=tuple(ingress.values()),
            rings=np.array(
                [
                    [
                        ingress_published(ring),
                        ingress_consumed(ring),
                        sleeping(PRODUCERS[IngressRing(ring)]),
                        PRODUCERS[IngressRing(ring)],
                    ]
                    for ring in ingress
                ],
                np.int64,
            ),
            command_ring=command_ring,
            event_ring=event_ring,
            cursors=cursors,
            counters=counters,
            histogram=histograms[histogram_at : histogram_at + HISTOGRAM_WORDS],
            wakeups=np.asarray(wakeups, np.int64),
            received=np.zeros(limit * len(ingress), np.int64),
            words=np.zeros(_SEQUENCER_WORDS, np.int64),
            clock=np.zeros(2, np.int64),
            links=make_links() if links is None else links,
        )

    def on_start(self) -> None:
        """Compile, and publish where the state stands: nothing below these cursors will come."""
        sequencer, scalars = self._sequencer, self.state.scalars
        # release: the state is rebuilt before anybody acts on the cursors
        publish(sequencer.cursors, COMMAND_PUBLISHED, int(scalars[NEXT_COMMAND]))
        publish(sequencer.cursors, COMMAND_APPLIED, int(scalars[NEXT_COMMAND]))
        publish(sequencer.cursors, EVENT_PUBLISHED, int(scalars[NEXT_EVENT]))
        publish(sequencer.cursors, NEXT_EXPIRY_SECOND, timer_second(scalars))
        gauge_tables(sequencer, scalars)
        self.compile()

    def compile(self) -> None:
        """Compile, or read back, all that the agent calls; nothing runs."""
        compile_for(duty_cycle, self.state, self._sequencer, 2)
        compile_for(gauge_tables, self._sequencer, self.state.scalars)
        compile_for(serve, *self._serve_arguments(2, 0))

    def do_work(self, limit: int) -> int:
        """One duty cycle over at most ``limit`` slots of each ingress ring (2 or more)."""
        return int(duty_cycle(self.state, self._sequencer, max(limit, 2)))

    def serve(self, limit: int, timeout_ms: int) -> int:
        """Many duty cycles and sleeps without the interpreter (see ringbuffer/agent.py)."""
        return int(serve(*self._serve_arguments(max(limit, 2), timeout_ms)))

    def _serve_arguments(self, limit: int, timeout_ms: int) -> tuple[Any, ...]:
        return (
            *(self.state, self._sequencer, limit, self._eventfd, timeout_ms),
            *(CYCLES, self._scratch),
        )

    def on_close(self) -> None:
        """Nothing to give back: the arrays are the caller's."""
