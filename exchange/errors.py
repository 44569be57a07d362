"""Operational errors and exit statuses: what can go wrong outside trading, each with its number.

The tree::

    ExchangeError                    something an operator can act on; carries an exit status
     +- ConfigurationError           a key, type or range in a configuration file
     +- AlreadyRunning               another daemon holds the data directory
     +- NotRunning                   a command needs a running daemon and there is none
     +- UnsupportedPlatform          not Linux, or Python or the kernel is too old
     +- PortInUse                    the order entry address cannot be bound
     +- SharedMemoryUnavailable      no room or no permission for the region in /dev/shm
     +- DataDirectoryUnavailable     the data directory cannot be created, opened or written
     +- ArchiveCorrupt               the archive lacks an event, or has another one
     +- SnapshotInvalid              a snapshot file cannot be used
     +- WrittenByNewer               a newer release wrote what this one does not know
     +- RestartLimitReached          a stage keeps dying
     +- StageFailed                  a stage could not start, or died of a bug
     +- StopTimedOut                 a graceful stop did not finish within its bound
     +- Refused                      the exchange answered a client command with a refusal

A failed write or a damaged file of the journal is an error of ``journal.errors``; ``exit_status``
says which status ends a process for any of them.

Rejects of orders are not errors (``codes.Reject``), and a bug is an ``assert``: neither is here.
The numbers of ``ExitStatus`` are listed in ``docs/operations.md``; they are never renumbered.
"""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """Exit status of the daemon, of its stages and of the command line. Append only."""

    OK = 0
    BUG = 1  # an exception nobody expected: Python's own status
    DIFFERENT = 1  # of commands that compare: something differs
    USAGE = 2  # argparse's own status
    ALREADY_RUNNING = 64
    NOT_RUNNING = 65
    UNSUPPORTED_PLATFORM = 66
    PORT_IN_USE = 67
    SHARED_MEMORY_UNAVAILABLE = 68
    DATA_DIRECTORY_UNAVAILABLE = 69
    JOURNAL_FAILED = 74  # sysexits EX_IOERR
    JOURNAL_CORRUPT = 75
    RESTART_LIMIT_REACHED = 76
    STAGE_FAILED = 77
    CONFIGURATION = 78  # sysexits EX_CONFIG
    STOP_TIMED_OUT = 79
    REFUSED = 80  # a command that the running exchange answered with a refusal
    ROW_REFUSED = 81  # the database refuses rows of this exchange's events
    INTERRUPTED = 130  # a client command ended by Ctrl-C: the shell's status for SIGINT
    OUTPUT_CLOSED = 141  # a client command whose reader has gone: the shell's status for SIGPIPE


# What another start does not cure: a service manager must not try again. All others that end a
# daemon (BUG, STAGE_FAILED) may pass by themselves.
RESTART_IN_VAIN = (
    ExitStatus.USAGE,
    ExitStatus.ALREADY_RUNNING,
    ExitStatus.UNSUPPORTED_PLATFORM,
    ExitStatus.PORT_IN_USE,
    ExitStatus.SHARED_MEMORY_UNAVAILABLE,
    ExitStatus.DATA_DIRECTORY_UNAVAILABLE,
    ExitStatus.JOURNAL_FAILED,
    ExitStatus.JOURNAL_CORRUPT,
    ExitStatus.RESTART_LIMIT_REACHED,
    ExitStatus.CONFIGURATION,
    ExitStatus.STOP_TIMED_OUT,  # somebody wanted it to stop
)


class ExchangeError(Exception):
    """An operational error. ``str(error)`` is one line for the operator."""

    status = ExitStatus.BUG


class ConfigurationError(ExchangeError):
    """A configuration file says something that is not allowed."""

    status = ExitStatus.CONFIGURATION


class AlreadyRunning(ExchangeError):
    """Another daemon holds the lock of the data directory."""

    status = ExitStatus.ALREADY_RUNNING


class NotRunning(ExchangeError):
    """No daemon runs on the data directory, or nothing answers at the address."""

    status = ExitStatus.NOT_RUNNING


class UnsupportedPlatform(ExchangeError):
    """The exchange needs Linux (eventfd, pidfd, /dev/shm) and Python 3.11."""

    status = ExitStatus.UNSUPPORTED_PLATFORM


class PortInUse(ExchangeError):
    """The configured address cannot be bound."""

    status = ExitStatus.PORT_IN_USE


class SharedMemoryUnavailable(ExchangeError):
    """The shared-memory region cannot be created or attached."""

    status = ExitStatus.SHARED_MEMORY_UNAVAILABLE


class DataDirectoryUnavailable(ExchangeError):
    """The data directory cannot be created, locked or written."""

    status = ExitStatus.DATA_DIRECTORY_UNAVAILABLE


class ArchiveCorrupt(ExchangeError):
    """The archive is not what the journal causes. A damaged journal: ``journal.errors``."""

    status = ExitStatus.JOURNAL_CORRUPT


class SnapshotInvalid(ExchangeError):
    """A snapshot file cannot be used; the text says why."""

    status = ExitStatus.JOURNAL_CORRUPT


class WrittenByNewer(ExchangeError):
    """The data directory holds what only a newer release of the program understands."""

    status = ExitStatus.JOURNAL_CORRUPT


class RestartLimitReached(ExchangeError):
    """A stage died more often than ``supervision.restart_limit`` allows."""

    status = ExitStatus.RESTART_LIMIT_REACHED


class StageFailed(ExchangeError):
    """A stage could not start, or died where a restart cannot help."""

    status = ExitStatus.STAGE_FAILED


class StopTimedOut(ExchangeError):
    """The graceful stop took longer than ``supervision.stop_timeout_ms``; everything was killed."""

    status = ExitStatus.STOP_TIMED_OUT


class Refused(ExchangeError):
    """The running exchange answered with a refusal (a login or an order that was rejected)."""

    status = ExitStatus.REFUSED


def exit_status(error: BaseException) -> int:
    """The exit status that stands for ``error``: of a stage, and of ``exchange-replay``."""
    # Here and not above: these packages bring the compiler, and the command line starts without it.
    from journal.errors import FatalJournalError, JournalCorrupt
    from ringbuffer.errors import RegionError

    if isinstance(error, ExchangeError):
        return int(error.status)
    if isinstance(error, FatalJournalError):
        return int(ExitStatus.JOURNAL_FAILED)
    if isinstance(error, JournalCorrupt):
        return int(ExitStatus.JOURNAL_CORRUPT)
    if isinstance(error, RegionError):
        return int(ExitStatus.SHARED_MEMORY_UNAVAILABLE)
    if isinstance(error, OSError):
        # outside the journal's own checks: a file of the data directory
        return int(ExitStatus.DATA_DIRECTORY_UNAVAILABLE)
    return int(ExitStatus.BUG)
