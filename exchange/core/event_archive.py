"""What a reader of released events needs of the archive.

Who uses it: every stage that falls behind the event ring, or starts anew, and reads from the files.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np


class EventArchive(Protocol):
    """Released events by sequence: ``journal.archive_reader.ArchiveReader`` has it, and tests."""

    def view(self, first: int, count: int) -> np.ndarray:
        """EVENT records from sequence ``first`` on: at most ``count``, perhaps fewer."""

    def oldest(self) -> int:
        """The first event sequence that is kept."""
