"""What the daemon counts in the core's shared memory: recoveries and restarts.

Who uses it: daemon.py, the only writer of these counters (core/counters.py).
"""

from __future__ import annotations

from exchange.core.counters import Counter
from exchange.core.region import Core
from exchange.recovery.facts import EngineFacts
from ringbuffer.counters import set_value


def count_recovery(core: Core, facts: EngineFacts) -> None:
    """Set the gauges of the latest recovery; ``facts``: the matcher's after it."""
    assert facts.recovery is not None
    _set(
        core,
        (Counter.RECOVERED_COMMANDS, facts.replayed_commands),
        (Counter.RECOVERED_EVENTS, facts.replayed_events),
        (Counter.RECOVERY_DURATION_NS, facts.duration_ns),
        (Counter.RECOVERY_SNAPSHOT_SEQUENCE, facts.snapshot_sequence),
        (Counter.RECOVERY_TORN_BYTES, facts.recovery.torn_bytes),
    )


def count_restarts(core: Core, core_restarts: int, stage_restarts: int, hung: int) -> None:
    """Set how often the core and single stages were restarted, and how many stages hung."""
    _set(
        core,
        (Counter.CORE_RESTARTS, core_restarts),
        (Counter.STAGE_RESTARTS, stage_restarts),
        (Counter.STAGES_HUNG, hung),
    )


def _set(core: Core, *values: tuple[Counter, int]) -> None:
    counters = core.region.arrays["counters"]
    for counter, value in values:
        set_value(counters, int(counter), value)
