"""The one decorator through which every compiled function goes.

Who uses it: every module with jitted code. What it fixes for all of them:

- ``nogil``: a jitted duty cycle runs without the interpreter lock, so helper threads (password
  hashing, logging) go on while it works;
- ``cache``: compiled code is kept on disk. numba does not notice that a constant in *another* file
  changed, so the cache directory is keyed by a hash of the source tree (see ``cache_directory``);
- ``boundscheck`` is off unless ``NUMBA_BOUNDSCHECK`` is set; such a run gets a cache of its own,
  because numba ignores the variable where a cached build exists.

``NUMBA_DISABLE_JIT=1`` runs everything that does not touch atomics or system calls as plain Python.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parent.parent
SOURCE_PACKAGES = ("ringbuffer", "journal", "exchange", "replay")

Function = TypeVar("Function", bound=Callable[..., Any])


def source_hash() -> str:
    """Hash of every Python source file of the product: 16 hex digits."""
    digest = hashlib.sha256()
    for package in SOURCE_PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            digest.update(str(path.relative_to(ROOT)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_directory() -> Path:
    """Where compiled code is kept: ``EXCHANGE_CACHE_DIR`` or the user's cache directory.

    One folder per source tree and mode, so that a changed constant never meets stale code.
    """
    base = os.environ.get("EXCHANGE_CACHE_DIR")
    root = Path(base) if base else Path.home() / ".cache" / "exchange"
    mode = "boundscheck" if os.environ.get("NUMBA_BOUNDSCHECK", "0") not in ("", "0") else "release"
    return root / "numba" / f"{source_hash()}-{mode}"


# Must happen before numba is imported for the first time.
os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_directory()))

import numba  # noqa: E402

JIT_DISABLED = bool(numba.config.DISABLE_JIT)


def jit(function: Function) -> Function:
    """Compile ``function`` in nopython mode, cached, without the interpreter lock."""
    compiled: Function = numba.njit(cache=True, nogil=True)(function)
    return compiled


def jit_inline(function: Function) -> Function:
    """As ``jit``; the body is inlined by LLVM's own judgement after a hint (``forceinline``)."""
    compiled: Function = numba.njit(cache=True, nogil=True, forceinline=True)(function)
    return compiled


def jit_borrowed(function: Function) -> Function:
    """As ``jit`` for hot loops that allocate nothing: arrays are borrowed, not counted.

    Without this numba counts references to every array that an inlined helper touches, which cost
    the gateway's encoder 195 ns a message instead of 13. Such a function, and what it calls, must
    not create an array (views are fine); the caller keeps the arrays alive.
    """
    compiled: Function = numba.njit(cache=True, nogil=True, _nrt=False)(function)
    return compiled


def jit_borrowed_inline(function: Function) -> Function:
    """As ``jit_inline``, with borrowed arrays (see ``jit_borrowed``)."""
    compiled: Function = numba.njit(cache=True, nogil=True, forceinline=True, _nrt=False)(function)
    return compiled
