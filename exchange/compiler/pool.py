"""Processes that compile units: as many as there are processors, each one unit after the other.

Who uses it: the compiler. The processes are forks of it, so that packages are imported once; the
compiler has no other threads. What a process has compiled is on disk (``ringbuffer/jit/cache.py``).

Decision PKG-8.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import NamedTuple

from exchange.compiler.units import Unit
from exchange.runtime.process import die_with_parent

_NICENESS_OF_THE_REST = 10  # trading has begun


class Compiled(NamedTuple):
    """``unit``: its index. ``seconds``: how long it took; ``processor_s`` of a processor."""

    unit: int
    seconds: float
    processor_s: float


_UNITS: Sequence[Unit] = ()


def _compile(index: int) -> Compiled:
    """Runs in a process of the pool."""
    unit = _UNITS[index]
    if not unit.trading and os.nice(0) < _NICENESS_OF_THE_REST:
        os.nice(_NICENESS_OF_THE_REST - os.nice(0))
    started_s, used_s = time.monotonic(), time.process_time()
    unit.compile()
    return Compiled(index, time.monotonic() - started_s, time.process_time() - used_s)


def compile_units(units: Sequence[Unit], processes: int) -> Iterator[Compiled]:
    """Compile ``units`` in their order; yields each when it is done.

    Raises what a unit raises, and ``BrokenProcessPool`` when a process is killed.
    """
    global _UNITS
    _UNITS = units  # the forks find it there: a unit is code, which cannot be sent
    pool = ProcessPoolExecutor(
        processes, get_context("fork"), initializer=die_with_parent, initargs=(os.getpid(),)
    )
    try:
        for done in as_completed([pool.submit(_compile, index) for index in range(len(units))]):
            yield done.result()
    finally:
        pool.shutdown(cancel_futures=True)
        _UNITS = ()
