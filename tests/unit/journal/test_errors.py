"""What the errors of journal and archive files say."""

from __future__ import annotations

import errno

from journal.errors import FatalJournalError, Finding, JournalCorrupt, JournalError


def test_error_texts_say_where() -> None:
    error = JournalCorrupt(Finding.BAD_FRAME, "/data/j/0.wal", 4096, 17, "no valid frame here")
    assert str(error) == ("bad frame: /data/j/0.wal at byte 4096, sequence 17: no valid frame here")
    fatal = FatalJournalError("fdatasync", errno.EIO, "/data/j/0.wal", 4096, 17, 3)
    assert "EIO" in str(fatal)
    assert "sequences 17 to 19" in str(fatal)
    short = FatalJournalError("pwritev", 0, "/data/j/0.wal", 4096, 17, 3, 100)
    assert "short write of 100 bytes" in str(short)
    tail = FatalJournalError("cutting", errno.EIO, "/data/j/0.wal", 0, 17, 0)
    assert str(tail).endswith("/data/j/0.wal at byte 0, before sequence 17")
    assert isinstance(error, JournalError)
    assert isinstance(fatal, JournalError)
