"""What a daemon and a stage say to each other: ``StageSpec`` down, ``StageMessage`` up.

Who writes: the daemon one StageSpec (JSON, then end of file) to a stage's standard input; the stage
StageMessages, a JSON line each, to a pipe. Neither side imports the other.
"""

from __future__ import annotations

import msgspec

from exchange.settings import Configuration


class StageSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a stage needs to know.

    eventfds: stage name -> descriptor number in the stage. listeners: name -> descriptor of its
    listening sockets (listener.py). idle: name of the idle strategy.
    """

    role: str
    configuration: Configuration
    data_directory: str
    region: str
    eventfds: dict[str, int]
    listeners: dict[str, int]
    cpus: list[int]
    idle: str
    rebuild_archive: bool = False
    facts: msgspec.Raw = msgspec.Raw(b"null")  # the matcher's, for the stages after it


class StageMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What a stage tells the daemon: kind is "progress", "ready" or "fatal"."""

    kind: str
    text: str = ""
    status: int = 0
    facts: msgspec.Raw = msgspec.Raw(b"null")
