"""What can go wrong with journal and archive files.

The tree::

    JournalError
     +- JournalCorrupt        a file is not what it must be: says which, where, why
     +- FatalJournalError     a write or fdatasync failed: the process must exit and release nothing

``JournalError`` derives from ``Exception`` only: the package knows no order and no exchange.
"""

from __future__ import annotations

import errno as errno_names
import os
from enum import IntEnum
from pathlib import Path


class Finding(IntEnum):
    """Why recovery refuses. Append only; ``JournalCorrupt`` has the text for the operator."""

    FOREIGN_FILE = 1  # a file in the directory that the journal did not make
    TRUNCATED_FILE = 2  # the size is not the one its header says
    BAD_HEADER = 3  # magic or header checksum wrong
    WRONG_VERSION = 4
    WRONG_RECORD_LAYOUT = 5  # other record size or dtype hash
    WRONG_NAME = 6  # the name's sequence is not the header's
    MISSING_SEGMENT = 7
    SEQUENCE_GAP = 8  # a valid frame that does not continue the sequence before it
    CHAIN_MISMATCH = 9  # a valid frame or segment that names another predecessor
    WRONG_SEGMENT = 10  # a valid frame that was written for another segment
    BAD_FRAME = 11  # a damaged frame with valid frames after it
    ACKNOWLEDGED_LOST = 12  # cutting the tail would lose what is known to have been durable
    NO_SUCH_SEQUENCE = 13  # the journal begins after, or ends before, the sequence asked for


class JournalError(Exception):
    """Base of all errors of this package."""


class JournalCorrupt(JournalError):
    """A file is not what it must be.

    ``path``: the file; ``offset``: bytes into it, -1 when the whole file is meant; ``sequence``:
    the record sequence expected there, -1 when unknown.
    """

    def __init__(
        self, finding: Finding, path: Path | str, offset: int, sequence: int, detail: str
    ) -> None:
        self.finding = finding
        self.path = Path(path)
        self.offset = offset
        self.sequence = sequence
        self.detail = detail
        place = f"{path}"
        if offset >= 0:
            place += f" at byte {offset}"
        if sequence >= 0:
            place += f", sequence {sequence}"
        name = finding.name.lower().replace("_", " ")
        super().__init__(f"{name}: {place}: {detail}")


class FatalJournalError(JournalError):
    """A write or sync failed. Not retried: after a failed fdatasync a retry lies.

    ``errno`` is 0 for a short write. ``first_sequence`` and ``count`` name the records that were
    being written (slots of the journal or events of the archive; 0: none was); none of them was
    released.
    """

    def __init__(
        self,
        operation: str,
        errno: int,
        path: Path | str,
        offset: int,
        first_sequence: int,
        count: int,
        written_bytes: int = -1,
    ) -> None:
        self.operation = operation
        self.errno = errno
        self.path = Path(path)
        self.offset = offset
        self.first_sequence = first_sequence
        self.count = count
        self.written_bytes = written_bytes
        if errno:
            name = errno_names.errorcode.get(errno, str(errno))
            reason = f"{name} ({os.strerror(errno)})"
        else:
            reason = f"short write of {written_bytes} bytes"
        records = f"sequences {first_sequence} to {first_sequence + count - 1}"
        if count == 0:
            records = f"before sequence {first_sequence}"
        super().__init__(f"{operation} failed with {reason}: {path} at byte {offset}, {records}")
