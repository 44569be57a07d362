"""The words of the core's shared memory: the place of every cursor and flag, the rings' numbers.

Who writes what (single writer each):

    cursor                    writer          meaning (a count: the next sequence)
    COMMAND_PUBLISHED         matcher         commands sequenced and visible in the command ring
    COMMAND_APPLIED           matcher         commands whose events are all published
    COMMAND_DURABLE           journaler       commands whose fdatasync has returned; gates the
                                              command ring
    EVENT_PUBLISHED           matcher         events visible in the event ring
    EVENT_RELEASED            journaler       events that are durable and archived: the only ones
                                              that anyone outside sees; gates the event ring
    ingress_published(i)      producer i      commands that producer i has put into its ingress ring
    ingress_consumed(i)       matcher         ... that the matcher has taken out; gates that ring
    sleeping(agent)           that agent (1), its wakers (0): it blocks on its eventfd
    CLOCK_OFFSET              daemon          see below
    word(...)                 see below

Cursors start where recovery ended, not at 0: a record's sequence is its position in the journal
(or archive) for ever.

Decisions ARC-7 and CON-40.
"""

from __future__ import annotations

from enum import IntEnum

from ringbuffer.ring import CURSOR_STRIDE

INGRESS_RINGS = 8  # for so many there are cursors


class IngressRing(IntEnum):
    """Number of each ingress ring; one producer each."""

    CONTROL = 0  # the daemon: instruments, sessions, days, timers, operators
    ORDER_ENTRY = 1  # the SoupBinTCP / OUCH gateway
    API = 2  # REST and WebSocket orders
    GRPC = 3  # orders of the gRPC server

    @property
    def section(self) -> str:
        """The ring's section of the core's region."""
        return f"ingress_{self.value}"


AGENTS = 16
AGENT_MATCHER = 0
AGENT_JOURNALER = 1
AGENT_ORDER_ENTRY = 2
AGENT_DAEMON = 3
AGENT_API = 4
AGENT_FEED_FIRST = 5  # feed workers 1 .. FEED_WORKERS: one number each
FEED_WORKERS = 4
AGENT_STORE = 9
AGENT_SNAPSHOTTER = 10
AGENT_CONNECTOR_FIRST = 11  # the connectors, in the order of stage_names.CONNECTORS
CONNECTOR_STAGES = 5
AGENT_GRPC = AGENT_CONNECTOR_FIRST + 3  # the connector that is also a producer of commands
assert AGENT_CONNECTOR_FIRST + CONNECTOR_STAGES <= AGENTS

COMMAND_PUBLISHED = 0 * CURSOR_STRIDE
COMMAND_APPLIED = 1 * CURSOR_STRIDE
COMMAND_DURABLE = 2 * CURSOR_STRIDE
EVENT_PUBLISHED = 3 * CURSOR_STRIDE
EVENT_RELEASED = 4 * CURSOR_STRIDE
STOP_INTAKE = 5 * CURSOR_STRIDE  # daemon: 1 = order entry and api take no more from clients
STOP = 6 * CURSOR_STRIDE  # daemon: 1 = every agent returns as soon as it is idle
# matcher: the second from which on TIMER has something to do, 0 = none; the daemon sends TIMER
NEXT_EXPIRY_SECOND = 7 * CURSOR_STRIDE
_INGRESS_FIRST = 8
_SLEEPING_FIRST = _INGRESS_FIRST + 2 * INGRESS_RINGS
_CONSUMER_FIRST = _SLEEPING_FIRST + AGENTS
# daemon: the exchange's time minus CLOCK_MONOTONIC, ns (exchange/control/clock.py); 0 = nobody
# keeps a clock (one process alone: a test, a benchmark), and the matcher reads CLOCK_REALTIME
CLOCK_OFFSET = (_CONSUMER_FIRST + AGENTS) * CURSOR_STRIDE
CURSOR_COUNT = _CONSUMER_FIRST + AGENTS + 1
CURSOR_WORDS = CURSOR_COUNT * CURSOR_STRIDE


def ingress_published(ring: int) -> int:
    """Word index of the producer's cursor of ingress ring ``ring``."""
    return (_INGRESS_FIRST + 2 * ring) * CURSOR_STRIDE


def ingress_consumed(ring: int) -> int:
    """Word index of the matcher's cursor in ingress ring ``ring``."""
    return (_INGRESS_FIRST + 2 * ring + 1) * CURSOR_STRIDE


def sleeping(agent: int) -> int:
    """Word index of the sleeping flag of ``agent``."""
    return (_SLEEPING_FIRST + agent) * CURSOR_STRIDE


def consumed(agent: int) -> int:
    """Word index of the event cursor of consumer ``agent`` (not gating; for status and lag)."""
    return (_CONSUMER_FIRST + agent) * CURSOR_STRIDE
