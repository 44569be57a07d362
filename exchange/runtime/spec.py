"""What daemon and stage send each other: ``StageSpec`` to the stage, ``StageMessage`` back.

Before, to the fork server: ``StartRequest``, and ``Started`` back.

Who writes: the daemon writes one StageSpec (a JSON line) to a stage's standard input, and later the
changes of the configuration (updates.py); the stage writes StageMessages, a JSON line each, to a
pipe. Neither side imports the other.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from exchange.core.stage_names import StageName
from exchange.settings import Configuration


class ListenerName(StrEnum):
    """A kind of listening socket. The values are seen in run.json: they never change."""

    ORDER_ENTRY = "order_entry"
    API = "api"
    HEALTH = "health"
    FEED = "feed"
    METRICS = "metrics"


class StageSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a stage needs to know.

    eventfds, listeners: descriptor numbers in the stage, of all stages and of its own listening
    sockets (daemon/listeners.py). idle: name of the idle strategy.
    """

    role: StageName
    configuration: Configuration
    data_directory: str
    region: str
    eventfds: dict[StageName, int]
    listeners: dict[ListenerName, int]
    cpus: list[int]
    idle: str
    rebuild_archive: bool = False
    facts: msgspec.Raw = msgspec.Raw(b"null")  # the matcher's, for the stages after it


class StageMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message of a stage; ``kind`` is "progress", "ready" or "fatal".

    text: of progress and of the failure, for the operator. status: the exit status that follows a
    fatal message. facts: what the matcher knows after recovery, in its ready message.
    """

    kind: str
    text: str = ""
    status: int = 0
    facts: msgspec.Raw = msgspec.Raw(b"null")


class StartRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Have the fork server start a stage; its standard input and its pipe come with it.

    inherited: the descriptors that it keeps. nice: added to the daemon's own niceness.
    """

    role: StageName
    inherited: list[int]
    nice: int = 0


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """The process of a stage, a child of the daemon; or why there is none.

    With neither: the fork server is ready.
    """

    pid: int = 0
    error: str = ""
