"""The life of a process with a web server and read models: what api and feed have in common.

Who uses it: stage.py and feed_stage.py.

    1. the servers answer at once: 503, "starting"
    2. the models go on from their newest checkpoint through the archive to the ring
    3. ready; once a second the housekeeping: connections, gauges, checkpoints
    4. the end of intake (api) or of the core (feed): nothing new; outcomes that somebody waits for
       come; WebSockets are told; a last checkpoint; the end

What a listener of the pump cannot take (a gap, a bug) ends the process: it starts again and reads
anew.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from aiohttp import web

from exchange.api.base.service import ApiService
from exchange.api.server import malformed_http as malformed
from exchange.api.server.connections import ConnectionLimits
from exchange.read_model.checkpoint import CheckpointWriter, load_newest
from exchange.runtime.data_directory import read_model_directory
from exchange.runtime.service import ServiceStage

log = logging.getLogger(__name__)

SHUTDOWN_S = 2.0  # for requests that are being answered, and for WebSockets to take note
HOUSEKEEPING_S = 1.0
# fewer new events than this are read again faster than a checkpoint is written
FINAL_CHECKPOINT_EVENTS = 10_000


def load_models(
    stage: ServiceStage, name: str, make_models: Callable[[], Sequence[Any]]
) -> tuple[Sequence[Any], CheckpointWriter]:
    """Models from the newest checkpoint of ``name``, and who writes the next ones."""
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


class Door(NamedTuple):
    """A web server: its listening socket's name, what answers, and whom it lets in."""

    name: str
    app: web.Application
    limits: ConnectionLimits


class Life:
    """``doors``: the first one's connections are those that are counted; ``backlog``: connections
    that wait to be accepted at each. ``checkpoints``: None where somebody else writes them.
    """

    def __init__(
        self,
        stage: ServiceStage,
        service: ApiService,
        doors: Sequence[Door],
        *,
        backlog: int,
        checkpoints: CheckpointWriter | None,
    ) -> None:
        self._stage = stage
        self._service = service
        self._doors = doors
        self._backlog = backlog
        self._checkpoints = checkpoints
        self._began_at = service.pump.position

    async def live(self, end: asyncio.Event, last_words: Callable[[], Awaitable[None]]) -> None:
        """Until ``end``, then ``last_words``, then close everything."""
        runners = [await self._serve(door) for door in self._doors]
        pump = self._service.pump
        pump.start()
        assert pump.failure is not None
        tasks = [
            asyncio.create_task(self._follow(end, last_words)),
            asyncio.create_task(self._keep_house()),
        ]
        try:
            done, _ = await asyncio.wait(
                {*tasks, pump.failure}, return_when=asyncio.FIRST_COMPLETED
            )
            for each in done:
                each.result()
            self._save()
        finally:
            for task in tasks:
                task.cancel()
            if self._checkpoints is not None:
                self._checkpoints.close()
            self._service.hub.stop()
            for runner in runners:
                await runner.cleanup()
            pump.close()

    async def _serve(self, door: Door) -> web.AppRunner:
        api = self._stage.settings.api
        runner = web.AppRunner(
            door.app,
            access_log=None,
            handle_signals=False,
            auto_decompress=False,  # an encoded body is refused, and not unpacked before that
            shutdown_timeout=SHUTDOWN_S,
            keepalive_timeout=api.idle_timeout_ms / 1000,
            max_line_size=api.header_bytes,
            max_field_size=api.header_bytes,
        )
        await runner.setup()
        assert runner.server is not None
        malformed.attach(runner.server)
        door.limits.attach(runner.server)
        await web.SockSite(runner, self._stage.listener(door.name), backlog=self._backlog).start()
        return runner

    async def _follow(self, end: asyncio.Event, last_words: Callable[[], Awaitable[None]]) -> None:
        stage, service, pump = self._stage, self._service, self._service.pump
        reached = asyncio.create_task(pump.reached(stage.released_at_start))
        ending = asyncio.create_task(end.wait())
        try:
            while not reached.done() and not ending.done():
                await asyncio.wait(
                    {reached, ending}, timeout=1.0, return_when=asyncio.FIRST_COMPLETED
                )
                stage.progress(f"read {pump.position:,} of {stage.released_at_start:,} events")
            if reached.done():
                service.hub.start()
                service.ready = True
                stage.ready()
            await ending
            service.stopping = True
            await last_words()
        finally:
            reached.cancel()
            ending.cancel()

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            for door in self._doors:
                door.limits.close_silent(time.monotonic())
            if self._service.role == "api":
                self._service.counters.set("connections", len(self._doors[0].limits))
            if self._checkpoints is not None:
                try:
                    self._checkpoints.step()
                except OSError as error:  # no memory for a child, no descriptor for its pipe
                    log.error("no checkpoint was begun: %s", error)

    def _save(self) -> None:
        new = self._service.pump.position - self._began_at
        if self._checkpoints is not None and new >= FINAL_CHECKPOINT_EVENTS:
            self._checkpoints.save_now()
