"""``exchange-replay verify``: does the journal cause exactly what the archive says?

The journal is replayed from its start (or, when that has been pruned, from the oldest snapshot that
it still reaches). Each regenerated event is compared with the archived one, byte by byte. The chain
hash is computed once more here, over the *archived* bytes and with nothing of the engine's, and
compared with every CHECKPOINT and with the engine's own at the end. Each snapshot on the way is
compared with the state that replay has reached there; then the newest one is replayed to the end
and must arrive at the same chain hash. The first difference is reported with both records.

Money: at intervals, at every snapshot and at the end the state must satisfy its invariants: both
conservation laws (balances add up to deposits less withdrawals, positions likewise) and frozen
amounts that are what the live orders need. Beside the engine a ledger
(``exchange/recovery/ledger.py``) is kept from the events alone; at snapshots and at the end it must
equal the engine's accounts.

While a daemon runs, the last commands may not be archived yet: then everything before the newest
archived command is verified.

Decision JRN-4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from exchange.codes import EventKind
from exchange.engine.state.chain_hash import chain_digest
from exchange.engine.state.create import capacity_of, create_state
from exchange.engine.state.enlarge import enlarged
from exchange.engine.state.layout import EngineState
from exchange.engine.state.snapshot import read_snapshot, snapshot_path
from exchange.records import COMMAND, COMMAND_LAYOUT, EVENT_SIZE_BYTES
from exchange.recovery.archive_check import ArchiveCheck, DifferentEvent
from exchange.recovery.ledger import LedgerBroken
from exchange.recovery.rebuild import Replayer, other_capacity, rebuild, replay_chunks
from exchange.recovery.snapshots import read_snapshots
from exchange.runtime.data_directory import archive_directory, journal_directory, snapshot_directory
from exchange.runtime.process import running_pid
from journal import xxh64
from journal.reader import JournalReader
from journal.recovery import recover
from replay.accounts import frozen_problems, ledger_of
from replay.directory import Directory
from replay.event_text import event_fields
from replay.source import JournalView
from replay.state_check import state_difference, state_problems
from replay.text import difference, hash_text

CHECK_EVERY_COMMANDS = 1_000_000
Progress = Callable[[int, int], None]


@dataclass
class Verdict:
    """The result of a verification; ``problems`` is empty when all is well."""

    first_command: int = 0
    next_command: int = 0
    next_event: int = 0
    events_compared: int = 0
    checkpoints: int = 0
    chain_hash: int = 0
    snapshots: int = 0
    state_checks: int = 0  # conservation, frozen amounts and every other invariant of the state
    ledger_checks: int = 0  # the ledger of the events compared with the state
    accounts: int = 0
    positions: int = 0
    torn_records: int = 0
    running: bool = False
    problems: list[str] = field(default_factory=list)
    first_difference: dict[str, Any] | None = None

    @property
    def good(self) -> bool:
        return not self.problems


class _ChainCheck:
    """XXH64 over archived bytes, compared with the CHECKPOINT events among them."""

    def __init__(self, archive: ArchiveCheck, first_event: int, chain: np.ndarray | None) -> None:
        self._reader = archive.reader
        self._state = xxh64.new_state() if chain is None else chain.copy()
        self._hashed = first_event
        self.checkpoints = 0

    def digest(self) -> int:
        return xxh64.unsigned(int(xxh64.digest(self._state)))

    def follow(self, end: int) -> str | None:
        """Hash archived events up to ``end``; what is wrong with the first bad CHECKPOINT."""
        while self._hashed < end:
            events = self._reader.view(self._hashed, end - self._hashed)
            if len(events) == 0:
                return f"event {self._hashed} is missing in the archive"
            start = 0
            for i in np.nonzero(events["kind"] == EventKind.CHECKPOINT)[0]:
                self._hash(events[start : int(i)])
                start = int(i)
                wanted, count = hash_text(int(events[i]["price"])), int(events[i]["quantity"])
                found = f"{self.digest():016x}"
                if wanted != found or count != self._hashed:
                    return (
                        f"chain hash at event {self._hashed}: CHECKPOINT says {wanted} over "
                        f"{count} events, the archive's bytes give {found} over {self._hashed}"
                    )
                self.checkpoints += 1
            self._hash(events[start:])
        return None

    def _hash(self, events: np.ndarray) -> None:
        words = events.view(np.int64)
        xxh64.update_stripes(self._state, words, 0, len(words))
        self._hashed += len(events)


class _MoneyCheck:
    """The invariants of the state at intervals, and the ledger that the events give."""

    def __init__(self, replayer: Replayer, verdict: Verdict, every_commands: int) -> None:
        self._replayer = replayer
        self._verdict = verdict
        self._every = every_commands
        self._next = replayer.next_command + every_commands
        # from an empty exchange, or from the snapshot at which the journal begins
        self._ledger = ledger_of(replayer.state)

    def follow(self, events: np.ndarray) -> list[str]:
        """Take the events of a chunk; what is wrong with the state after it, when it is due."""
        try:
            self._ledger.apply(events)
        except LedgerBroken as broken:
            return [f"ledger: {broken}"]
        if self._replayer.next_command < self._next:
            return []
        self._next = self._replayer.next_command + self._every
        return self.look(ledger=self._every == 1)

    def look(self, *, ledger: bool = True) -> list[str]:
        """The problems of the state now; ``ledger``: also compared with the events' ledger."""
        state, after = self._replayer.state, self._replayer.next_command - 1
        self._verdict.state_checks += 1
        wrong = state_problems(state)
        if ledger:
            self._verdict.ledger_checks += 1
            held = ledger_of(state)
            self._verdict.accounts = len(held.accounts)
            self._verdict.positions = len(held.positions)
            wrong += held.problems() + frozen_problems(held)
            difference = self._ledger.difference(held)
            if difference is not None:
                wrong.append(f"ledger of the events and state differ: {difference}")
        return [f"after command {after}: {what}" for what in wrong]


class _Comparison:
    """Replays the journal and compares what comes out with everything that was derived from it."""

    def __init__(
        self, view: JournalView, archive: ArchiveCheck, state: EngineState, verdict: Verdict
    ) -> None:
        self._view = view
        self._archive = archive
        self._verdict = verdict
        self._names = view.directory()
        self.replayer = Replayer(state, history=view.capacities())
        self._first_event = self.replayer.next_event
        chain = state.chain if self._first_event > 0 else None
        self._hashes = _ChainCheck(archive, self._first_event, chain)
        verdict.first_command = self.replayer.next_command

    def replay(
        self, snapshots: list[int], end: int, every_commands: int, progress: Progress | None
    ) -> bool:
        """Compare everything below command ``end``; False when that was ended by a difference."""
        replayer, verdict = self.replayer, self._verdict
        money = _MoneyCheck(replayer, verdict, every_commands)
        first = replayer.next_command
        directory = journal_directory(self._view.data_dir)
        reader = JournalReader(directory, COMMAND, COMMAND_LAYOUT, first)
        stops = [sequence for sequence in snapshots if first <= sequence < end]
        for stop in [*stops, end]:
            step_slots = 1 if every_commands == 1 else None
            for base, events in replay_chunks(reader, replayer, stop, step_slots):
                if not self._compare(base, events):
                    return False
                verdict.problems += money.follow(events)
                if not verdict.good:
                    return False
                if progress is not None:
                    progress(replayer.next_command - first, end - first)
            if stop in snapshots:
                _compare_snapshot(self._view, stop, replayer, verdict)
            verdict.problems += money.look()
        return True

    def _compare(self, base: int, events: np.ndarray) -> bool:
        """Whether the archive has ``events``, and the hashes that it says."""
        found = self._archive.compare(base, events)
        if found is not None:
            _report(self._verdict, found, self._names)
            return False
        wrong = self._hashes.follow(base + len(events))
        if wrong is not None:
            self._verdict.problems.append(wrong)
            return False
        return True

    def finish(self) -> None:
        """The figures of a replay that came to its end, the chain hash, and what lies beyond."""
        replayer, verdict = self.replayer, self._verdict
        verdict.next_command = replayer.next_command
        verdict.next_event = replayer.next_event
        verdict.events_compared = replayer.next_event - self._first_event
        verdict.checkpoints = self._hashes.checkpoints
        verdict.chain_hash = chain_digest(replayer.state)
        if self._hashes.digest() != verdict.chain_hash:
            verdict.problems.append(
                f"chain hash: the engine says {verdict.chain_hash:016x}, the archive's bytes give "
                f"{self._hashes.digest():016x}"
            )
        last = self._archive.reader.last()
        if verdict.running or last is None or int(last["sequence"]) < verdict.next_event:
            return
        found = self._archive.reader.read_one(verdict.next_event)
        beyond = DifferentEvent(verdict.next_event, None, last if found is None else found)
        _report(verdict, beyond, self._names)


def verify(
    view: JournalView,
    progress: Progress | None = None,
    *,
    check_every_commands: int = CHECK_EVERY_COMMANDS,
) -> Verdict:
    """Verify journal, archive, chain hash, snapshots and money of ``view``; modifies nothing.

    ``check_every_commands``: how often the state's invariants are checked, beside the snapshots and
    the end; with 1 the ledger is compared after each command too.

    Raises ``journal.errors.JournalCorrupt`` when the journal itself is damaged.
    """
    view.capacities()  # first of all: without it no journal can be read, whatever else is wrong
    verdict = Verdict(running=running_pid(view.data_dir) is not None)
    archive = ArchiveCheck(archive_directory(view.data_dir), write=False)
    end = _end_of_journal(view, archive, verdict)
    snapshots = _good_snapshots(view.data_dir, verdict)
    state = _first_state(view, snapshots, verdict)
    if state is None:
        return verdict
    comparison = _Comparison(view, archive, state, verdict)
    if comparison.replay(snapshots, end, check_every_commands, progress):
        comparison.finish()
        _check_snapshots_lead_here(view, snapshots, verdict)
    return verdict


def _end_of_journal(view: JournalView, archive: ArchiveCheck, verdict: Verdict) -> int:
    """The first command that is not verified: what is not final belongs to the running exchange."""
    if verdict.running:
        return archive.last_command()
    directory = journal_directory(view.data_dir)
    report = recover(directory, COMMAND_LAYOUT, repair=False, from_sequence=view.first_command)
    verdict.torn_records = report.torn_records
    return report.next_sequence


def _good_snapshots(data_dir: Path, verdict: Verdict) -> list[int]:
    """Sequences of the snapshots that can be read, ascending; the others become problems."""
    good = []
    for found in read_snapshots(snapshot_directory(data_dir)):
        if found.state is None:
            verdict.problems.append(f"snapshot {found.problem}")
        else:
            good.append(found.sequence)
    return good


def _first_state(view: JournalView, snapshots: list[int], verdict: Verdict) -> EngineState | None:
    """The state from which the journal is replayed; None, with a problem, if there is none."""
    capacities = view.capacities()
    if view.first_command == 0:
        return create_state(capacities.at(0))
    usable = [sequence for sequence in snapshots if sequence >= view.first_command]
    if not usable:
        verdict.problems.append(
            f"the journal begins at {view.first_command} and no snapshot leads there"
        )
        return None
    state = read_snapshot(snapshot_path(snapshot_directory(view.data_dir), usable[0]))
    if other := other_capacity(state, capacities):
        verdict.problems.append(f"snapshot {usable[0]}: {other}")
        return None
    return state


def _check_snapshots_lead_here(view: JournalView, snapshots: list[int], verdict: Verdict) -> None:
    """No snapshot may be beyond the journal, and from the newest one replay ends the same."""
    end = verdict.next_command
    late = [sequence for sequence in snapshots if sequence > end]
    if late and not verdict.running:
        verdict.problems.append(f"snapshot {late[0]} is beyond the end of the journal")
    if verdict.good and any(sequence <= end for sequence in snapshots):
        again = rebuild(view.data_dir, view.capacities(), upto_sequence=end)
        if chain_digest(again.state) != verdict.chain_hash:
            verdict.problems.append(
                f"replay from snapshot {again.snapshot_used} ends with chain hash "
                f"{chain_digest(again.state):016x}, from the start with {verdict.chain_hash:016x}"
            )


def _compare_snapshot(
    view: JournalView, sequence: int, replayer: Replayer, verdict: Verdict
) -> None:
    path = snapshot_path(snapshot_directory(view.data_dir), sequence)
    if not path.exists():  # pruned meanwhile
        return
    found = read_snapshot(path)
    wrong: str | None = other_capacity(found, view.capacities())
    if not wrong:
        # where a start has enlarged the state it may be of before or after that: of one size now
        replayer.enlarge_if_due()
        found = enlarged(found, capacity_of(replayer.state))
        wrong = state_difference(replayer.state, found)
    if wrong:
        verdict.problems.append(f"snapshot {path.name}: {wrong}")
    verdict.snapshots += 1


def _report(verdict: Verdict, found: DifferentEvent, names: Directory) -> None:
    """Put the first difference into ``verdict``, with both records."""
    if found.found is None:
        what = "is missing in the archive"
    elif found.expected is None:
        what = "is in the archive, but the journal causes no such event"
        if int(found.found["command_sequence"]) >= verdict.next_command:
            what += (
                ": the journal ends before its command, so journal/ is an older copy than archive/ "
                "(docs/operations.md, Backup)"
            )
    else:
        what = f"differs in {', '.join(difference(found.expected, found.found))}"
    verdict.problems.append(f"event {found.sequence} {what}")
    verdict.first_difference = {
        "sequence": found.sequence,
        "journal": None if found.expected is None else event_fields(found.expected, names),
        "archive": None if found.found is None else event_fields(found.found, names),
    }


assert EVENT_SIZE_BYTES % xxh64.STRIPE_BYTES == 0
