"""A stage takes the newest configuration that the daemon has sent."""

from __future__ import annotations

import os

import msgspec

from exchange.runtime.updates import Updates, read_lines
from exchange.settings import load
from tests.harness.exchange_process import wait_until


def test_the_newest_is_taken_once() -> None:
    assert Updates().take() is None
    shipped = load(None)
    newest = msgspec.structs.replace(shipped, file="the newest")
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as pipe:
        updates = Updates(read_lines(reader))
        for configuration in (shipped, newest):
            pipe.write(msgspec.json.encode(configuration) + b"\n")
        pipe.flush()
        taken = []

        def newest_came() -> bool:
            taken.append(updates.take())
            return taken[-1] == newest

        wait_until(newest_came, 60, "the newest configuration")
        assert updates.take() is None
    # the end of the pipe ends the thread
