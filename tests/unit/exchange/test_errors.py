"""The tree of operational errors, and which exit status stands for which failure."""

from __future__ import annotations

import re

import pytest

from exchange import errors
from exchange.errors import (
    ConfigurationError,
    ExchangeError,
    ExitStatus,
    SnapshotInvalid,
    StageFailed,
    exit_status,
)
from journal.errors import FatalJournalError, Finding, JournalCorrupt
from ringbuffer.errors import RegionError


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (StageFailed("late"), ExitStatus.STAGE_FAILED),
        (ConfigurationError("no"), ExitStatus.CONFIGURATION),
        (FatalJournalError("fdatasync", 5, "wal", 0, 0, 1), ExitStatus.JOURNAL_FAILED),
        (JournalCorrupt(Finding.FOREIGN_FILE, "wal", 3, 7, "detail"), ExitStatus.JOURNAL_CORRUPT),
        (SnapshotInvalid("size"), ExitStatus.JOURNAL_CORRUPT),
        (RegionError("no room"), ExitStatus.SHARED_MEMORY_UNAVAILABLE),
        (PermissionError(13, "denied"), ExitStatus.DATA_DIRECTORY_UNAVAILABLE),
        (ValueError("never"), ExitStatus.BUG),
        (AssertionError(), ExitStatus.BUG),
    ],
)
def test_exit_status(error: Exception, status: ExitStatus) -> None:
    assert exit_status(error) == status


def tree() -> dict[str, type[ExchangeError]]:
    """The operational errors of ``exchange.errors`` by name, in the order of the file."""
    return {
        name: each
        for name, each in vars(errors).items()
        if isinstance(each, type) and issubclass(each, ExchangeError) and each is not ExchangeError
    }


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = re.findall(r"^     \+- (\w+)", errors.__doc__ or "", re.MULTILINE)
    assert drawn == list(tree())


def test_no_operational_error_ends_as_a_bug() -> None:
    assert [name for name, each in tree().items() if each.status == ExitStatus.BUG] == []
