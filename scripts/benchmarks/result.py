"""The shared part of every benchmark: failing its own check, and telling about progress."""

from __future__ import annotations

import sys


class BenchmarkFailed(Exception):
    """A benchmark's check of its own result failed: its figures mean nothing."""


def check(condition: bool, message: str) -> None:
    """Raise BenchmarkFailed unless ``condition`` holds (an assert that ``-O`` does not strip)."""
    if not condition:
        raise BenchmarkFailed(message)


def progress(message: str) -> None:
    """One line on stderr: what is being measured now."""
    print(message, file=sys.stderr, flush=True)
