"""The files that say that everything, or what trading needs, has been compiled.

Who uses it: the daemon, before it starts a compiler, and the compiler. A stamp lies beside the
compiled code and belongs to the sources, the processor and the versions of Python and numba; the
code itself needs none (``ringbuffer/jit/cache.py``): without a stamp the compiler runs, and finds
what is there. A stamp that a package has brought counts too.

Decision PKG-2.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from enum import StrEnum

from ringbuffer.jit import JIT_DISABLED
from ringbuffer.jit.cache import directories, touch
from ringbuffer.jit.sources import source_hash
from ringbuffer.jit.target import target


class Part(StrEnum):
    """What can be ready."""

    TRADING = "trading"
    ALL = "all"


def stamp_name(part: Part) -> str:
    """The name of the file, without its directory."""
    numba_version = importlib.metadata.version("numba")
    facts = (source_hash(), platform.python_version(), numba_version, target())
    key = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
    return f"compiled-{part}-{key}"


def is_compiled(part: Part) -> bool:
    """Whether a compilation of ``part`` for these sources and this machine has been completed."""
    if JIT_DISABLED:
        return True
    name = stamp_name(part)
    return any((directory / name).exists() for directory in directories())


def stamp(part: Part) -> None:
    """Say that ``part`` has been compiled."""
    touch(stamp_name(part))
