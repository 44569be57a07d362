"""``recovery``: how fast a stopped exchange is back, from its journal and from a snapshot.

A day of trading in ten books with funded accounts and risk controls (adds 55, cancels 37,
marketable 8 %, 60,000 orders resting) is written through the journal's own writer, with the frames
and fdatasyncs of a busy day, and applied at the same time: that original run fills the archive and
says what every rebuild must arrive at.
Then, each in a process of its own (compiled code from the cache, files in the page cache):

- ``restart_s.without_snapshot``: check the journal, replay all of it, compare every event with the
  archive, as the matcher does at its start; ``commands_per_s`` is its rate;
- ``restart_s.with_snapshot``: the same with a snapshot of everything archived, made by
  ``exchange-replay snapshot --now``; ``restart_s.process_*`` adds the interpreter and its imports;
- ``limit``: reading the same journal bytes with their checksums, and bare ``apply_commands`` over
  the same commands out of memory, both measured in the same run.

Checked: chain hash, next command and next event equal to the original run's, every archived event
equal, the snapshot's run too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from exchange.codes import FLAG_LONG
from exchange.core.capacity import EngineCapacity
from exchange.core.pipeline import AGENTS, CURSOR_WORDS, EVENT_RELEASED
from exchange.definitions.rules import InstrumentTerms
from exchange.engine.matcher import apply_commands
from exchange.engine.state.chain_hash import chain_digest
from exchange.engine.state.create import create_state
from exchange.engine.state.layout import NEXT_EVENT
from exchange.engine.state.pointers import Rings, make_links
from exchange.records import COMMAND, COMMAND_LAYOUT, EVENT, FLAGS_OFFSET
from exchange.recovery.archive_check import ArchiveCheck
from exchange.recovery.rebuild import Replayer, rebuild
from exchange.recovery.snapshot_maker import make_snapshot
from exchange.runtime.data_directory import archive_directory, journal_directory, save_capacity
from journal.reader import JournalReader
from journal.recovery import recover
from journal.writer import JournalWriter
from ringbuffer.jit import jit
from ringbuffer.ring import UNGATED
from scripts.benchmarks import funding
from scripts.benchmarks.own_exchange import DATA, own_folder
from scripts.benchmarks.result import check, progress

ROOT = Path(__file__).resolve().parent.parent.parent
CAPACITY = EngineCapacity()
SEGMENT_BYTES = 1 << 28  # as config/exchange.toml
MAXIMUM_FRAME_SLOTS = 1 << 16
CHUNK = 1 << 15
INSTRUMENTS = 10
SESSIONS = 4
RESTING = 60_000
MIDDLE_TICKS = 50_000
SECOND_NS = 1_000_000_000
MIDNIGHT_NS = 1_767_225_600 * SECOND_NS
WORDS = 8  # of a command slot


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--commands", type=int, default=10_000_000, help="commands to write")
    parser.add_argument("--frame", type=int, default=8_192, help="commands in one commit")
    parser.add_argument("--directory", type=Path, help="where to put 3 GB (default: temporary)")


@jit
def fill(
    words: np.ndarray,
    octets: np.ndarray,
    first: int,
    count: int,
    draws: np.ndarray,
    live: np.ndarray,
    counters: np.ndarray,
) -> None:
    """Write ``count`` commands from sequence ``first`` on into a ring of slots.

    ``draws``: uint64[count]. ``live``: tokens believed to rest; ``counters``: how many of them, the
    next token, the time.
    """
    mask = words.shape[0] // WORDS - 1
    for i in range(count):
        slot = (first + i) & mask
        w, b = slot * WORDS, slot * WORDS * 8
        for k in range(WORDS):
            words[w + k] = 0
        draw = np.int64(draws[i] >> np.uint64(2))
        share = draw % 100
        draw //= 100
        counters[2] += 300
        words[w] = counters[2]
        # A book that is full is thinned out, one that is nearly empty is not.
        cancels = share < 37 or (share < 92 and counters[0] >= RESTING)
        if cancels and counters[0] > 0:
            at = draw % counters[0]
            token = live[at]
            counters[0] -= 1
            live[at] = live[counters[0]]
            octets[b + 42] = 2  # CANCEL, down to 0
        else:
            token = counters[1]
            counters[1] += 1
            octets[b + 42] = 1  # ENTER
            side = draw & 1
            draw >>= 1
            distance = draw % 60
            draw //= 60
            sign = -1 if side == 0 else 1
            if share >= 92:
                words[w + 1] = MIDDLE_TICKS - sign * 3  # marketable
                words[w + 2] = 1 + draw % 40
            else:
                words[w + 1] = MIDDLE_TICKS + sign * (1 + distance)
                words[w + 2] = 1 + draw % 100
                if counters[0] < live.shape[0]:
                    live[counters[0]] = token
                    counters[0] += 1
            octets[b + 43] = side
            octets[b + 38] = 1 + token % INSTRUMENTS
            words[w + 5] |= np.int64(99_999) << 32
            octets[b + 56] = 89  # display Y
            octets[b + 57] = 65  # capacity A
            octets[b + 59] = 78  # no cross
        octets[b + 40] = 1 + token % SESSIONS
        for k in range(8):  # eight letters of the token, the other six are spaces
            octets[b + 24 + k] = 65 + (token >> (4 * k)) % 16
        for k in range(8, 14):
            octets[b + 24 + k] = 32


def opening() -> np.ndarray:
    """Instruments, sessions with funded accounts, controls and the start of the day: COMMAND array.

    Without self-trade prevention: of four accounts every fourth trade would be with oneself.
    """
    terms = [
        InstrumentTerms(f"BOOK{number:04d}", 1, 1, 2, 1, 1 << 20, 1 << 20, 1, 1)
        for number in range(1, INSTRUMENTS + 1)
    ]
    return funding.opening(
        terms,
        SESSIONS,
        controls=[name for name in funding.CONTROLS if name != "prevention"],
        reference_price=MIDDLE_TICKS,
        money=1 << 55,
        stock=1 << 36,
        timestamp_ns=MIDNIGHT_NS,
    )


def original_run(data_dir: Path, commands: int, frame: int) -> dict[str, Any]:
    """Write and apply ``commands`` commands; what a rebuild must arrive at."""
    save_capacity(data_dir, CAPACITY)
    directory = journal_directory(data_dir)
    writer = JournalWriter(
        directory,
        COMMAND_LAYOUT,
        recover(directory, COMMAND_LAYOUT, repair=True),
        segment_size_bytes=SEGMENT_BYTES,
        maximum_frame_slots=MAXIMUM_FRAME_SLOTS,
        flags_offset=FLAGS_OFFSET,
        long_mask=FLAG_LONG,
    )
    replayer = Replayer(create_state(CAPACITY), CHUNK)
    archive = ArchiveCheck(archive_directory(data_dir), write=True)
    ring = replayer.commands
    words, octets = ring.view(np.int64), ring.view(np.uint8)
    random = np.random.default_rng(20_260_101)
    live = np.zeros(RESTING + 1, np.int64)
    counters = np.array([0, 1, MIDNIGHT_NS + 34_200 * SECOND_NS], np.int64)
    first = opening()
    ring[: len(first)] = first
    ready = len(first)
    end = ready + commands - len(funding.first_slots(first))
    try:
        while writer.next_sequence < end:
            count = min(frame, end - ready) if ready > len(first) or writer.next_sequence else 0
            if count:
                draws = random.integers(0, 1 << 63, count, np.uint64)
                fill(words, octets, ready, count, draws, live, counters)
                ready += count
            while writer.next_sequence < ready:
                writer.append(ring, ready - writer.next_sequence)
            base = replayer.next_event
            archive.take(base, replayer.apply(ready))
    finally:
        writer.close()
        archive.close()
    return {
        "next_command": replayer.next_command,
        "next_event": replayer.next_event,
        "chain_hash": chain_digest(replayer.state),
        "live_orders": int(counters[0]),
    }


def rebuild_once(data_dir: Path, from_snapshot: bool) -> dict[str, Any]:
    """One rebuild as the matcher does it at its start; the figures (child process)."""
    result = rebuild(data_dir, repair=True, write_archive=True, from_snapshot=from_snapshot)
    return {
        "next_command": result.next_command,
        "next_event": result.next_event,
        "chain_hash": chain_digest(result.state),
        "seconds": result.seconds,
        "recovery_seconds": result.recovery_seconds,
        "snapshot_seconds": result.snapshot_seconds,
        "replayed": result.commands_replayed,
        "archive_appended": result.archive_appended,
        "snapshot": str(result.snapshot_used or ""),
    }


def in_child(data_dir: Path, from_snapshot: bool) -> dict[str, Any]:
    """``rebuild_once`` in a process of its own, with the time from its start to its end."""
    started = time.perf_counter()
    child = subprocess.run(
        [
            sys.executable,
            "-m",
            "scripts.benchmarks.recovery",
            str(data_dir),
            str(int(from_snapshot)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    check(child.returncode == 0, f"the rebuild failed: {child.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(child.stdout)
    figures["process_seconds"] = time.perf_counter() - started
    return figures


def read_limit(data_dir: Path) -> float:
    """Seconds to read and check every byte of the journal, doing nothing else."""
    ring = np.zeros(CHUNK, COMMAND)
    reader = JournalReader(journal_directory(data_dir), COMMAND, COMMAND_LAYOUT)
    started = time.perf_counter()
    while reader.read_into(ring, reader.next_sequence + len(ring)):
        pass
    return time.perf_counter() - started


def apply_limit(data_dir: Path, next_command: int) -> float:
    """Seconds of bare ``apply_commands`` over the same commands, which are all in memory."""
    commands = np.zeros(1 << (next_command - 1).bit_length(), COMMAND)
    reader = JournalReader(journal_directory(data_dir), COMMAND, COMMAND_LAYOUT)
    while reader.read_into(commands, reader.next_sequence + CHUNK):
        pass
    state = create_state(CAPACITY)
    events = np.zeros(1 << 22, EVENT)
    cursors = np.zeros(CURSOR_WORDS, np.int64)
    cursors[EVENT_RELEASED] = UNGATED
    wakeups = np.full(AGENTS, -1, np.int64)
    links = make_links()
    started = time.perf_counter()
    for first in range(0, next_command, CHUNK):
        end = min(first + CHUNK, next_command)
        base = int(state.scalars[NEXT_EVENT])
        rings = Rings(commands, events, base, cursors, wakeups, links)
        apply_commands(state, rings, first, end)
    return time.perf_counter() - started


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    with own_folder("exchange-recovery-", arguments.directory) as folder:
        data_dir = folder / DATA
        data_dir.mkdir()
        return measure(data_dir, arguments.commands, arguments.frame)


def measure(data_dir: Path, commands: int, frame: int) -> dict[str, Any]:
    """All figures for ``commands`` commands; ``data_dir`` is empty."""
    check(commands >= 10_000, "at least 10,000 commands, or the figures are only noise")
    check(2 <= frame <= CHUNK // 2, f"a frame has 2 to {CHUNK // 2} commands")
    progress(f"original run of {commands:,} commands")
    started = time.perf_counter()
    wanted = original_run(data_dir, commands, frame)
    written = time.perf_counter() - started
    progress(f"  {written:.1f} s; rebuilding without a snapshot")
    in_child(data_dir, False)  # compiles, and brings the files into the page cache
    without = in_child(data_dir, False)
    progress("making a snapshot, rebuilding with it")
    started = time.perf_counter()
    made = make_snapshot(data_dir, now=True)
    snapshot_seconds = time.perf_counter() - started
    check(made is not None and made.made, "no snapshot was made")
    assert made is not None
    with_snapshot = in_child(data_dir, True)
    for name, figures in (("without", without), ("with", with_snapshot)):
        for key in ("next_command", "next_event", "chain_hash"):
            check(figures[key] == wanted[key], f"{name} snapshot: {key} is not the original run's")
        check(figures["archive_appended"] == 0, f"{name} snapshot: the archive was not complete")
    check(with_snapshot["snapshot"] != "", "the snapshot was not used")
    check(without["replayed"] == wanted["next_command"], "not everything was replayed")
    progress("limits")
    read_seconds = read_limit(data_dir)
    apply_seconds = apply_limit(data_dir, wanted["next_command"])
    return {
        "commands_per_s": commands / without["seconds"],
        "restart_s": {
            "with_snapshot": with_snapshot["seconds"],
            "without_snapshot": without["seconds"],
            "process_with_snapshot": with_snapshot["process_seconds"],
            "process_without_snapshot": without["process_seconds"],
        },
        "commands": commands,
        "events": wanted["next_event"],
        "live_orders": wanted["live_orders"],
        "journal_bytes": wanted["next_command"] * 64,
        "snapshot": {
            "bytes": made.size_bytes,
            "made_s": snapshot_seconds,
            "read_s": with_snapshot["snapshot_seconds"],
            "commands_after_it": with_snapshot["replayed"],
        },
        "journal_check_s": {
            "with_snapshot": with_snapshot["recovery_seconds"],
            "without_snapshot": without["recovery_seconds"],
        },
        "limit": {
            "read_and_checksum_s": read_seconds,
            "bare_apply_commands_s": apply_seconds,
            "bare_apply_commands_per_s": commands / apply_seconds,
            "share_of_bare_apply": apply_seconds / without["seconds"],
        },
        "checked": "chain hash, next command, next event, every archived event",
    }


if __name__ == "__main__":
    print(json.dumps(rebuild_once(Path(sys.argv[1]), sys.argv[2] == "1")))
    sys.stdout.flush()
    # Give the memory back at once: not part of a restart.
    os._exit(0)
