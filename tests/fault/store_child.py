"""Publishers to be killed: a process that forks one life after another.

``python store_child.py DATA BATCH_EVENTS`` imports everything once; every line on standard input is
a life: a forked child that publishes the archive of DATA into the embedded Postgres of DATA until
all of it is written. Lines on standard output: ``life PID``, ``at EVENT SERVER_PID`` after every
commit or change of state, ``ended STATUS``.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from exchange.store.offline import ArchivedEvents
from exchange.store.postgres import EmbeddedPostgres
from exchange.store.publisher import Progress, Publisher, PublisherParameters

FAST = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "16MB"}


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def live(data: Path, batch_events: int) -> None:
    server = EmbeddedPostgres(data, settings=FAST)

    def report(progress: Progress) -> None:
        say("at", progress.next_event, server.pid or 0)

    around = ArchivedEvents(data, batch_events, on_progress=report)
    parameters = PublisherParameters(batch_events=batch_events, flush_s=0.0, retry_maximum_s=0.05)
    Publisher(parameters, around, server=server).run()


def main() -> None:
    logging.basicConfig(level=logging.CRITICAL)
    data, batch_events = Path(sys.argv[1]), int(sys.argv[2])
    # compiled before the first life begins
    around = ArchivedEvents(data, batch_events)
    state = around.model(0)
    state.apply(around.source(0).read(batch_events))
    state.take_changes()
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                live(data, batch_events)
                status = 0
            finally:
                os._exit(status)
        say("life", child)
        say("ended", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    main()
