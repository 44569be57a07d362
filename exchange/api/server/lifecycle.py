"""The lifecycle of a process with web servers and read models, which stages api and feed share.

Who uses it: exchange/stages/api.py and exchange/stages/feed.py.

    1. start    the servers answer at once: 503, "starting"
    2. read     the models read on from their newest checkpoint through the archive to the ring
    3. ready    the servers answer; housekeeping runs once a second: silent connections, gauges,
                checkpoints
    4. drain    begins when intake ends (api) or the core stops (feed): no new request is taken, and
                commands under way get their outcomes
    5. stop     WebSockets are closed, the last checkpoint is written, the servers end

An exception in a listener of the event pump (a gap in the events, a bug) ends the process; the
daemon starts it again, and it reads the events anew.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from aiohttp import web

from exchange.api.base.service import ApiService
from exchange.api.server import malformed_http
from exchange.api.server.connections import ConnectionLimits
from exchange.core.stage_names import StageName
from exchange.read_model.checkpoint import CheckpointWriter, load_newest
from exchange.runtime.data_directory import read_model_directory
from exchange.runtime.descriptors import ACCEPTED_AT_ONCE
from exchange.runtime.service import ServiceStage
from exchange.runtime.spec import ListenerName

log = logging.getLogger(__name__)

SHUTDOWN_S = 2.0  # for requests that are being answered, and for WebSockets to take note
HOUSEKEEPING_S = 1.0
# fewer new events than this are read again faster than a checkpoint is written
FINAL_CHECKPOINT_EVENTS = 10_000


def load_models(
    stage: ServiceStage, name: str, make_models: Callable[[], Sequence[Any]]
) -> tuple[Sequence[Any], CheckpointWriter]:
    """The models of the newest checkpoint ``name``, and the writer of the next checkpoints."""
    directory = read_model_directory(stage.data_directory) / name
    loaded = load_newest(directory, make_models, stage.released(), stage.archive())
    for note in loaded.notes:
        log.warning("%s", note)
    log.info("models loaded", extra={"fields": {"next_event": loaded.next_event}})
    return loaded.models, CheckpointWriter(
        directory,
        loaded.models,
        stage.archive(),
        every_events=stage.settings.read_model.checkpoint_events,
        report=log.info,
    )


class WebServer(NamedTuple):
    """``listener``: name of its listening socket in the stage's specification."""

    listener: ListenerName
    app: web.Application
    limits: ConnectionLimits


class Lifecycle:
    """Runs ``servers`` and the event pump of ``service`` from start to stop.

    The gauge of connections shows those of the first server. ``backlog``: connections that wait to
    be accepted, of each server. ``checkpoints``: None where another process writes them.
    """

    def __init__(
        self,
        stage: ServiceStage,
        service: ApiService,
        servers: Sequence[WebServer],
        *,
        backlog: int,
        checkpoints: CheckpointWriter | None,
    ) -> None:
        self._stage = stage
        self._service = service
        self._servers = servers
        self._backlog = backlog
        self._checkpoints = checkpoints
        self._first_event = service.pump.next_event

    async def run(self, end: asyncio.Event, drain: Callable[[], Awaitable[None]]) -> None:
        """Serve until ``end`` is set, await ``drain``, then close everything."""
        runners = [await self._start(server) for server in self._servers]
        pump = self._service.pump
        pump.start()
        assert pump.failure is not None
        tasks = [
            asyncio.create_task(self._serve(end, drain)),
            asyncio.create_task(self._housekeeping()),
        ]
        try:
            done, _ = await asyncio.wait(
                {*tasks, pump.failure}, return_when=asyncio.FIRST_COMPLETED
            )
            for each in done:
                each.result()
            self._save_last_checkpoint()
        finally:
            for task in tasks:
                task.cancel()
            if self._checkpoints is not None:
                self._checkpoints.close()
            self._service.hub.stop()
            for runner in runners:
                await runner.cleanup()
            pump.close()

    async def _start(self, server: WebServer) -> web.AppRunner:
        api = self._stage.settings.api
        runner = web.AppRunner(
            server.app,
            access_log=None,
            handle_signals=False,
            auto_decompress=False,  # an encoded body is refused before anything unpacks it
            shutdown_timeout=SHUTDOWN_S,
            keepalive_timeout=api.idle_timeout_ms / 1000,
            max_line_size=api.header_bytes,
            max_field_size=api.header_bytes,
        )
        await runner.setup()
        assert runner.server is not None
        malformed_http.attach(runner.server)
        server.limits.attach(runner.server)
        listener = self._stage.listener(server.listener)
        # asyncio accepts as many at once as it is told to let wait: one number for two things
        await web.SockSite(runner, listener, backlog=ACCEPTED_AT_ONCE).start()
        listener.listen(self._backlog)
        return runner

    async def _serve(self, end: asyncio.Event, drain: Callable[[], Awaitable[None]]) -> None:
        """Become ready when the models have read every event released at the start; then drain."""
        stage, service, pump = self._stage, self._service, self._service.pump
        reached = asyncio.create_task(pump.reached(stage.released_at_start))
        ending = asyncio.create_task(end.wait())
        try:
            while not reached.done() and not ending.done():
                await asyncio.wait(
                    {reached, ending}, timeout=1.0, return_when=asyncio.FIRST_COMPLETED
                )
                stage.progress(f"read {pump.next_event:,} of {stage.released_at_start:,} events")
            if reached.done():
                service.hub.start()
                service.ready = True
                stage.ready()
            await ending
            service.stopping = True
            await drain()
        finally:
            reached.cancel()
            ending.cancel()

    async def _housekeeping(self) -> None:
        """Close silent connections, set the gauge and begin due checkpoints, once a second."""
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            for server in self._servers:
                server.limits.close_silent(time.monotonic())
            if self._service.role == StageName.API:
                self._service.counters.set("connections", len(self._servers[0].limits))
            if self._checkpoints is not None:
                try:
                    self._checkpoints.step()
                except OSError as error:  # no memory for a child, no descriptor for its pipe
                    log.error("no checkpoint was begun: %s", error)

    def _save_last_checkpoint(self) -> None:
        new = self._service.pump.next_event - self._first_event
        if self._checkpoints is not None and new >= FINAL_CHECKPOINT_EVENTS:
            self._checkpoints.save_now()
