"""The lock of whoever may write the journal: the matcher while it recovers, then the journaler.

Who uses it: these two stages. The lock of the daemon (``process.py``) goes with the daemon, but a
process that waits for a disk that does not answer outlives it: a SIGKILL has to wait for the disk
too, and when that answers, the write that was under way happens. So the next daemon's recovery
waits for its end. The kernel drops the lock with the process, and a reader never needs it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from exchange.errors import DataDirectoryUnavailable

POLL_S = 0.1
WAITS = "waits for a process of an earlier start that still writes the journal"
log = logging.getLogger(__name__)


def lock_journal(data_directory: Path, waits: Callable[[str], None]) -> int:
    """Wait until this process alone may write the journal; the descriptor whose end releases it.

    ``waits``: called once with a text for people when somebody else holds the lock. How long this
    may take is the daemon's to say. Raises DataDirectoryUnavailable.
    """
    try:
        descriptor = os.open(data_directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise DataDirectoryUnavailable(f"{data_directory}: {error.strerror}") from None
    said = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if not said:
                said = True
                log.warning("%s", WAITS)
                waits(WAITS)
            time.sleep(POLL_S)
