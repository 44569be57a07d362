"""What a start would do with a data directory, without doing it: ``exchange recovery-plan``.

Who uses it: the command line. It only reads, and may be asked while the exchange runs: then it says
what a start would do if the exchange ended now. The same functions decide as at a start
(``rebuild.newest_snapshot``, ``journal.recovery.recover``); what they cannot know without a replay
is whether the archive's events are the ones that the journal causes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from exchange.control.disk_guard import least_free
from exchange.engine.state.layout import DAY_NUMBER, NEXT_COMMAND
from exchange.errors import (
    ConfigurationError,
    DataDirectoryUnavailable,
    ExchangeError,
    ExitStatus,
    exit_status,
)
from exchange.records import COMMAND_LAYOUT
from exchange.recovery.archive_check import ArchiveCheck
from exchange.recovery.newer import explained
from exchange.recovery.rebuild import newest_snapshot, stored_capacities
from exchange.runtime.configured import has_begun
from exchange.runtime.data_directory import archive_directory, journal_directory, load_capacity
from exchange.runtime.process import running_pid
from exchange.runtime.release import RELEASE
from exchange.runtime.releases import Run, read_releases
from exchange.settings import Settings
from exchange.settings.capacities import changed_capacities
from journal.errors import JournalCorrupt, JournalError
from journal.layout import JOURNAL_SUFFIX, segment_name
from journal.recovery import RecoveryReport, recover

ATTEMPTS = 5  # while the journal is written, a look may come between two writes


class RecoveryPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The plan. Sequences of commands count slots of 64 bytes; a long command takes two.

    releases: which have run here, oldest first. running: the pid of the daemon that holds the
    directory, 0 without one. first_start: there is nothing yet. snapshot: its file's name, ""
    without one; snapshot_day: YYYYMMDD, 0 without one; snapshots_refused: why newer ones would not
    be used. first_command: the oldest that the journal has; replay_from, next_command: the commands
    to replay. torn_bytes: of the tail that would be cut, in ``segment`` at byte ``append_offset``;
    torn_records: slots in it, at most. archived_event, archived_command: the newest that the
    archive has, -1 without any. enlarged: the keys of [capacity] that would grow, from and to.
    warnings: what would not stop the start and needs somebody to look. status: with which a start
    would end, 0: it would go on; problem: why.
    """

    data_directory: str
    release: str = RELEASE
    releases: list[Run] = []
    running: int = 0
    first_start: bool = False
    snapshot: str = ""
    snapshot_day: int = 0
    snapshots_refused: list[str] = []
    first_command: int = 0
    replay_from: int = 0
    next_command: int = 0
    segments: int = 0
    segment: str = ""
    append_offset: int = 0
    torn_bytes: int = 0
    torn_records: int = 0
    archived_event: int = -1
    archived_command: int = -1
    enlarged: dict[str, tuple[int, int]] = {}
    warnings: list[str] = []
    status: int = 0
    problem: str = ""


def recovery_plan(data_dir: Path, settings: Settings | None = None) -> RecoveryPlan:
    """What a start with ``settings`` would do in ``data_dir``.

    None: they are not known, and nothing is said of disk and capacities. Raises
    DataDirectoryUnavailable where there is no directory.
    """
    if not data_dir.is_dir():
        raise DataDirectoryUnavailable(f"{data_dir} is no directory")
    data_dir = data_dir.resolve()
    plan = RecoveryPlan(
        data_directory=str(data_dir),
        running=running_pid(data_dir) or 0,
        releases=read_releases(data_dir),
        warnings=[] if settings is None else list(_room(data_dir, settings)),
    )
    if not has_begun(data_dir):
        return msgspec.structs.replace(plan, first_start=True)
    try:
        if settings is not None:
            plan = _with_capacities(plan, data_dir, settings)
        return _planned(plan, data_dir)
    except (ExchangeError, JournalError, OSError) as error:
        return _refused(plan, data_dir, error)


def _room(data_dir: Path, settings: Settings) -> Iterator[str]:
    """What there is to say of the disk."""
    found = os.statvfs(data_dir)
    free, size = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    journal = settings.journal
    if free < journal.segment_bytes:
        yield (
            f"{free:,} bytes of the disk are free: the journal cannot begin another segment of "
            f"{journal.segment_bytes:,}, and with the present one full the exchange would end"
        )
    elif free < least_free(size, journal.stop_free_bytes, journal.segment_bytes):
        yield f"{free:,} bytes of the disk are free: no new orders would be taken"


def _with_capacities(plan: RecoveryPlan, data_dir: Path, settings: Settings) -> RecoveryPlan:
    """``plan`` with what would become of [capacity]. Raises ConfigurationError if it refuses."""
    held = load_capacity(data_dir)
    changes = [] if held is None else list(changed_capacities(settings, held))
    for change in changes:
        if change.refusal:
            raise ConfigurationError(f"[capacity]: {change.key}: {change.refusal}")
    enlarged = {change.key: (change.held, change.configured) for change in changes}
    return msgspec.structs.replace(plan, enlarged=enlarged)


def _refused(plan: RecoveryPlan, data_dir: Path, error: Exception) -> RecoveryPlan:
    error = explained(data_dir, error)
    return msgspec.structs.replace(plan, status=exit_status(error), problem=str(error))


def _planned(plan: RecoveryPlan, data_dir: Path) -> RecoveryPlan:
    # in the order in which each part was final before the next one was looked at
    check = ArchiveCheck(archive_directory(data_dir), write=False)
    newest = check.reader.last()
    archived_event = -1 if newest is None else int(newest["sequence"])
    archived_command = -1 if newest is None else int(newest["command_sequence"])
    start = newest_snapshot(data_dir, stored_capacities(data_dir), None, check)
    first = 0
    if start.state is not None:
        first = int(start.state.scalars[NEXT_COMMAND])
    plan = msgspec.structs.replace(
        plan,
        snapshot="" if start.path is None else start.path.name,
        snapshot_day=0 if start.state is None else int(start.state.scalars[DAY_NUMBER]),
        snapshots_refused=start.refused,
        replay_from=first,
        archived_event=archived_event,
        archived_command=archived_command,
    )
    try:
        found = _look(data_dir, first, archived_command + 1, running=plan.running != 0)
    except (JournalError, OSError) as error:
        return _refused(plan, data_dir, error)
    name = segment_name(found.segment_sequence, JOURNAL_SUFFIX) if found.segments else ""
    return msgspec.structs.replace(
        plan,
        first_command=found.first_sequence,
        next_command=found.next_sequence,
        segments=found.segments,
        segment=name,
        append_offset=found.append_offset,
        torn_bytes=found.torn_bytes,
        torn_records=found.torn_records,
    )


def _look(data_dir: Path, first: int, durable: int, *, running: bool) -> RecoveryReport:
    """The journal from command ``first`` on. Raises JournalCorrupt for damage that stays."""
    seen: tuple[Path, int] | None = None
    for _ in range(ATTEMPTS if running else 1):
        try:
            return recover(
                journal_directory(data_dir),
                COMMAND_LAYOUT,
                repair=False,
                from_sequence=first,
                durable_sequence=durable,
            )
        except JournalCorrupt as error:
            place = (error.path, error.offset)
            if not running or place == seen:
                raise
            seen, last = place, error
    raise last


def plan_lines(plan: RecoveryPlan) -> Iterator[str]:
    """The plan for people."""
    state = f"process {plan.running} runs it; if that ended now" if plan.running else "stopped"
    yield f"{plan.data_directory}: {state}; a start of exchange {plan.release}"
    if plan.releases and plan.releases[-1].release != plan.release:
        yield f"  would follow one of exchange {plan.releases[-1].release}, the last that ran here"
    for warning in plan.warnings:
        yield f"  warning: {warning}"
    if plan.first_start:
        yield "  would be its first: nothing is recovered, [capacity] becomes engine.json"
        return
    for reason in plan.snapshots_refused:
        yield f"  would not use a snapshot: {reason}"
    if plan.snapshot:
        yield f"  would begin with snapshot {plan.snapshot}, day {plan.snapshot_day or 'none'}"
    else:
        yield "  would begin without a snapshot"
    if plan.problem:
        name = ExitStatus(plan.status).name
        yield f"  would end with status {plan.status} ({name}): {plan.problem}"
        return
    replayed = plan.next_command - plan.replay_from
    where = f", checking {plan.segments} segments" if plan.segments else ""
    yield f"  would replay {replayed:,} slots of the journal from {plan.replay_from:,} on{where}"
    if plan.torn_bytes:
        what = "is being written now" if plan.running else "was never acknowledged"
        yield (
            f"  would cut {plan.torn_bytes:,} bytes in {plan.segment} at byte "
            f"{plan.append_offset:,}: a last frame of up to {plan.torn_records:,} slots that {what}"
        )
    behind = plan.next_command - 1 - plan.archived_command
    ends = f"event {plan.archived_event:,}" if plan.archived_event >= 0 else "nothing"
    if behind > 0:
        yield f"  would add to the archive, which ends with {ends}, what {behind:,} slots caused"
    else:
        yield f"  would find the archive complete, up to {ends}"
    for key, (held, configured) in plan.enlarged.items():
        yield f"  would enlarge {key} from {held:,} to {configured:,}"
    yield f"  and would go on with command {plan.next_command:,}"
