"""For which processor code is compiled: the same for all that have what it needs.

Who uses it: ``ringbuffer.jit``, before numba is imported for the first time. Compiled for x86-64-v3
(AVX2, BMI2: every server since 2015) machine code of one machine runs on the next one, and a wheel
can carry it; nothing was lost against code for the very processor (docs/performance.md). Older
processors and other architectures get code for themselves.

Decision PKG-6.
"""

from __future__ import annotations

import functools
import os
import platform

from llvmlite import binding as llvm

SHARED = "x86-64-v3"
_NEEDED = ("avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "xsave")


def choose() -> None:
    """Set numba's environment variables, unless somebody has."""
    if "NUMBA_CPU_NAME" in os.environ or "NUMBA_CPU_FEATURES" in os.environ:
        return
    if platform.machine() == "x86_64" and all(_host_features().get(each) for each in _NEEDED):
        os.environ["NUMBA_CPU_NAME"] = SHARED
        os.environ["NUMBA_CPU_FEATURES"] = ""


@functools.cache
def _host_features() -> dict[str, bool]:
    return dict(llvm.get_host_cpu_features())


def target() -> str:
    """What machine code depends on beside its source: triple, processor and its features."""
    name = os.environ.get("NUMBA_CPU_NAME")
    features = os.environ.get("NUMBA_CPU_FEATURES")
    if name is None:
        name = llvm.get_host_cpu_name()
    if features is None:
        features = llvm.get_host_cpu_features().flatten()
    return f"{llvm.get_process_triple()} {name} {features}"
