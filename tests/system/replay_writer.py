"""A process that writes journal and archive as the core does, for tests that read meanwhile.

    python -m tests.system.replay_writer DATA_DIR SEED COMMANDS

Holds the data directory's lock, appends frames of random size, archives their events after each
commit, and says "ready" once there is something, "done" at the end; then it waits for its input to
close before it lets go of the lock.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from exchange.codes import FLAG_LONG
from exchange.engine.state.create import create_state
from exchange.records import COMMAND_LAYOUT, FLAGS_OFFSET
from exchange.recovery.archive_check import ArchiveCheck
from exchange.recovery.rebuild import Replayer
from exchange.runtime.data_directory import save_capacity
from exchange.runtime.process import DataDirectoryLock
from journal.recovery import recover
from journal.writer import JournalWriter
from tests.harness.sample_journal import CAPACITY, random_commands

LARGEST_FRAME = 300
SEGMENT_BYTES = 1 << 18


def main() -> None:
    data_dir, seed, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    data_dir.mkdir(parents=True, exist_ok=True)
    lock = DataDirectoryLock(data_dir)
    save_capacity(data_dir, CAPACITY)
    directory = data_dir / "journal"
    writer = JournalWriter(
        directory,
        COMMAND_LAYOUT,
        recover(directory, COMMAND_LAYOUT, repair=True),
        segment_size_bytes=SEGMENT_BYTES,
        maximum_frame_slots=LARGEST_FRAME + 2,
        flags_offset=FLAGS_OFFSET,
        long_mask=FLAG_LONG,
    )
    replayer = Replayer(create_state(CAPACITY), 1024)
    archive = ArchiveCheck(data_dir / "archive", write=True, segment_events=2048)
    random = np.random.default_rng(seed)
    mask = len(replayer.commands) - 1
    pending = 0
    wanted = LARGEST_FRAME
    told = False
    parts = random_commands(seed, count)
    for number, part in enumerate(parts):
        for record in part:
            replayer.commands[(writer.next_sequence + pending) & mask] = record
            pending += 1
        if pending >= wanted or number == len(parts) - 1:
            while pending:
                pending -= writer.append(replayer.commands, pending)
            base = replayer.next_event
            archive.take(base, replayer.apply(writer.next_sequence))
            wanted = int(random.integers(1, LARGEST_FRAME))
            if not told:
                print("ready", flush=True)
                told = True
    print("done", flush=True)
    sys.stdin.read()
    writer.close()
    archive.close()
    lock.release()


if __name__ == "__main__":
    main()
