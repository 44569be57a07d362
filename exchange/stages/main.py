"""What every stage does first and last.

Who calls it: a process that the fork server has made. It ignores every signal that would end it (a
stage stops when a cursor tells it to) and waits for no reader of its output (runtime/output.py). It
imports what it still needs while the daemon prepares the core, reads its ``StageSpec`` from
standard input and runs the body of its role. Its exit status tells the daemon what kind of failure
it was (``errors.ExitStatus``).

Decision ARC-1.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from exchange.core.stage_names import CONNECTORS, FEED_STAGES, StageName
from exchange.errors import ExitStatus, exit_status
from exchange.runtime import logs
from exchange.runtime.channel import DaemonChannel, explain
from exchange.runtime.output import shield
from exchange.runtime.spec import StageMessage, StageSpec
from exchange.runtime.updates import Updates, read_lines

log = logging.getLogger(__name__)

Body = Callable[[StageSpec, DaemonChannel, Updates], int]


def body_of(role: StageName) -> Body:
    """The function that runs as ``role``; imports only what this needs."""
    if role == StageName.API:
        from exchange.stages.api import run as run_api

        return run_api
    if role in FEED_STAGES:
        from exchange.stages.feed import run as run_feed

        return run_feed
    if role == StageName.STORE:
        from exchange.stages.store import run as run_store

        return run_store
    if role == StageName.SNAPSHOTTER:
        from exchange.stages.snapshotter import run as run_snapshotter

        return run_snapshotter
    if role == StageName.CONNECT_GRPC:
        from exchange.stages.grpc import run as run_grpc

        return run_grpc
    if role in CONNECTORS:
        from exchange.stages.connect import run as run_connector

        return run_connector
    from exchange.stages.agents import run as run_agent

    return run_agent


def run_stage(role: StageName, descriptor: int, nice: int) -> int:
    """Run one stage; ``descriptor``: of the pipe to the daemon. Returns its exit status."""
    if nice:
        os.nice(nice)  # before the imports, which cost processor time
    shield()
    os.set_inheritable(descriptor, False)
    channel = DaemonChannel(descriptor)
    body = body_of(role)
    lines = read_lines(sys.stdin.fileno())
    encoded = next(lines, b"")
    if not encoded:
        return ExitStatus.OK  # the daemon has ended or removed this stage before it was needed
    spec = msgspec.json.decode(encoded, type=StageSpec)
    assert spec.role == role
    settings = spec.configuration.settings
    log_file = settings.log.file
    logs.configure(
        role, settings.log.level, Path(spec.data_directory) / log_file if log_file else None
    )
    try:
        return body(spec, channel, Updates(lines))
    except Exception as error:
        status = exit_status(error)
        log.critical("%s", explain(error), exc_info=status == ExitStatus.BUG)
        channel.send(StageMessage(kind="fatal", status=status, text=explain(error)))
        return status
