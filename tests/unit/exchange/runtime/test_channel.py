"""A stage's messages on the pipe, and which exit status stands for which failure."""

from __future__ import annotations

import os
import threading

import msgspec
import pytest

from exchange.errors import ConfigurationError, ExitStatus, StageFailed
from exchange.runtime.channel import DaemonChannel, exit_status, explain
from exchange.runtime.spec import StageMessage
from journal.errors import FatalJournalError, Finding, JournalCorrupt
from ringbuffer.errors import RegionError


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StageFailed("late"), ExitStatus.STAGE_FAILED),
        (ConfigurationError("no"), ExitStatus.CONFIGURATION),
        (FatalJournalError("fdatasync", 5, "wal", 0, 0, 1), ExitStatus.JOURNAL_FAILED),
        (JournalCorrupt(Finding.FOREIGN_FILE, "wal", 3, 7, "detail"), ExitStatus.JOURNAL_CORRUPT),
        (RegionError("no room"), ExitStatus.SHARED_MEMORY_UNAVAILABLE),
        (PermissionError(13, "denied"), ExitStatus.DATA_DIRECTORY_UNAVAILABLE),
        (ValueError("never"), ExitStatus.BUG),
        (AssertionError(), ExitStatus.BUG),
    ],
)
def test_exit_status(error: Exception, status: ExitStatus) -> None:
    assert exit_status(error) == status


def test_an_operational_error_is_explained_by_its_own_line() -> None:
    assert explain(StageFailed("store was not ready")) == "store was not ready"


def test_any_other_error_is_explained_with_its_type() -> None:
    assert explain(ValueError("bad")) == "ValueError: bad"
    assert explain(AssertionError()) == "AssertionError: AssertionError()"


def test_messages_are_lines_and_come_whole_however_long() -> None:
    reader, writer = os.pipe()
    # more than a pipe holds: send goes on until all of it is written
    long = StageMessage(kind="progress", text="x" * 200_000)
    sender = threading.Thread(
        target=lambda: (
            DaemonChannel(writer).send(long),
            DaemonChannel(writer).send(StageMessage(kind="fatal", status=74)),
            os.close(writer),
        )
    )
    sender.start()
    with os.fdopen(reader, "rb") as stream:
        lines = stream.read().split(b"\n")
    sender.join()
    assert lines.pop() == b""
    received = [msgspec.json.decode(line, type=StageMessage) for line in lines]
    assert received[0] == long
    assert (received[1].kind, received[1].status) == ("fatal", 74)
