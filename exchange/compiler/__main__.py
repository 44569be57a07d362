"""``python -m exchange.compiler [PARENT_PID]``: compile everything that is not compiled yet.

With the pid of its parent, a daemon, it writes a ``Progress`` a line to standard output and dies
with that parent; without, it shows its progress itself.

Decision PKG-8.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable

import msgspec

from exchange.compiler.progress import Progress, ProgressDisplay
from exchange.runtime.output import shield
from exchange.runtime.process import die_with_parent
from exchange.runtime.signals import HARMLESS, STOPPING, ignore

# Before numpy is imported: a fork of a process with threads may stand still, and linear algebra is
# nowhere needed.
os.environ["OPENBLAS_NUM_THREADS"] = "1"


def compile_everything(report: Callable[[Progress], None]) -> None:
    """Compile; ``report`` after each unit. The stamp of trading comes as soon as it is ready."""
    from exchange.compiler.pool import compile_units
    from exchange.compiler.stamps import Part, stamp
    from exchange.compiler.units import units
    from ringbuffer.jit.cache import prune

    made = units()
    size = sum(unit.size for unit in made)
    trading = {index for index, unit in enumerate(made) if unit.trading}
    done = 0.0
    started_s = time.monotonic()
    for compiled in compile_units(made, len(os.sched_getaffinity(0))):
        done += made[compiled.unit].size
        if compiled.unit in trading:
            trading.remove(compiled.unit)
            if not trading:
                stamp(Part.TRADING)
        left_s = (time.monotonic() - started_s) / done * (size - done)
        report(Progress(done, size, left_s, made[compiled.unit].name, trading=not trading))
    stamp(Part.ALL)
    prune()


def _send(progress: Progress) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(progress) + b"\n")
    sys.stdout.buffer.flush()


def main() -> int:
    """Compile everything. Returns the exit status."""
    if len(sys.argv) > 1:  # a daemon's: its pid
        ignore((*HARMLESS, *STOPPING, signal.SIGHUP))  # the daemon decides when this ends
        shield(only_errors=True)
        die_with_parent(int(sys.argv[1]))
        compile_everything(_send)
        return 0
    started_s = time.monotonic()
    display = ProgressDisplay(lambda line: print(line, file=sys.stderr, flush=True))
    try:
        compile_everything(display.show)
    finally:
        display.close()
    print(f"compiled in {time.monotonic() - started_s:.1f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
