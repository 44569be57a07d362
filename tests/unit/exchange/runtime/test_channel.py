"""A stage's messages on the pipe, and a failure in one line."""

from __future__ import annotations

import os
import threading

import msgspec

from exchange.errors import StageFailed
from exchange.runtime.channel import DaemonChannel, explain
from exchange.runtime.spec import StageMessage


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
