"""One process at a time may write the journal, also one that a dead daemon has left."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from exchange.errors import DataDirectoryUnavailable
from exchange.runtime.journal_lock import WAITS, lock_journal

HOLDER = """
import sys
from pathlib import Path
from exchange.runtime.journal_lock import lock_journal
lock_journal(Path(sys.argv[1]), print)
print("has it", flush=True)
sys.stdin.read()
"""


def test_it_is_free_again_when_it_is_closed(tmp_path: Path) -> None:
    said: list[str] = []
    for _ in range(2):
        os.close(lock_journal(tmp_path, said.append))
    assert said == []


def test_a_process_of_an_earlier_start_is_waited_for(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None and holder.stdout.readline() == "has it\n"
    waiting = threading.Event()
    said: list[str] = []
    got: list[int] = []

    def waits(text: str) -> None:
        said.append(text)
        waiting.set()

    thread = threading.Thread(target=lambda: got.append(lock_journal(tmp_path, waits)))
    thread.start()
    try:
        assert waiting.wait(60)
        assert got == [], "it is still held"
    finally:
        holder.kill()
        holder.communicate()
        thread.join(60)
    assert (said, len(got)) == ([WAITS], 1)
    os.close(got[0])


def test_where_nothing_is(tmp_path: Path) -> None:
    with pytest.raises(DataDirectoryUnavailable, match="No such file"):
        lock_journal(tmp_path / "nothing", print)
