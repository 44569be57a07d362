"""What a check of the machine says: good, worth a change, or in the way of an exchange.

Who uses it: the checks of this package. A check looks and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from exchange.settings import Settings


class Level(StrEnum):
    """How much it matters. The values are in the output of ``exchange check --json``."""

    GOOD = "good"
    ADVICE = "advice"  # the exchange works; it would be faster, or safer, otherwise
    PROBLEM = "problem"  # it would not start, or could lose what it has acknowledged


class Finding(NamedTuple):
    """``found``: what there is. ``advice``: what to do, "" where nothing is to be done."""

    name: str
    level: Level
    found: str
    advice: str = ""


class Host(NamedTuple):
    """What the checks look at. ``root``: where /proc and /sys are, for tests."""

    settings: Settings
    data_directory: Path
    root: Path = Path("/")

    def text(self, path: str) -> str | None:
        """The stripped content of the file ``path`` below the root; None where there is none."""
        try:
            return (self.root / path).read_text().strip()
        except OSError:
            return None


Check = Callable[[Host], Iterator[Finding]]
