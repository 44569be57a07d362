"""The body of the stage api: read models, order gateway and web server in one asyncio loop.

Who uses it: exchange/stage.py. Life: the servers answer at once (503, "starting"), the models read
what has happened (checkpoint, archive, ring), then the stage is ready. At a graceful stop it takes
nothing more, lets outcomes that somebody waits for come, tells WebSockets, and ends.
"""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from exchange.api.health import HealthWatch
from exchange.api.pump import EventPump
from exchange.api.server import make_application, make_health_application
from exchange.api.service import ApiService, Counters
from exchange.counters import Counter
from exchange.service_stage import ServiceStage, run_asyncio
from exchange.stage_line import Telephone
from exchange.supervisor import StageSpec

log = logging.getLogger(__name__)

SHUTDOWN_S = 2.0  # for requests that are being answered when the server closes


def run(spec: StageSpec, telephone: Telephone) -> int:
    """Run the stage. Returns its exit status."""
    stage = ServiceStage(spec, telephone)
    return run_asyncio(stage, lambda: _serve(stage))


def _make_service(stage: ServiceStage) -> ApiService:
    settings = stage.settings
    counters = Counters(stage.counters, "API_", Counter)
    pump = EventPump(
        stage,
        stage.follower(0),
        batch_events=settings.read_model.batch_events,
        lapped=lambda: counters.add("lapped"),
    )
    watch = HealthWatch(
        stage.cursors,
        stage.counters,
        stage.data_directory,
        stale_ms=settings.health.stale_ms,
        lag_ms=settings.health.lag_ms,
    )
    return ApiService(
        role=stage.role,
        configuration=stage.configuration,
        pump=pump,
        counters=counters,
        watch=watch,
        released=stage.released,
        market=None,
    )


async def _serve(stage: ServiceStage) -> None:
    service = _make_service(stage)
    pump = service.pump
    runners = []
    for name, app in (
        ("api", make_application(service)),
        ("health", make_health_application(service)),
    ):
        runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_S
        )
        await runner.setup()
        await web.SockSite(runner, stage.listener(name)).start()
        runners.append(runner)
    pump.start()
    assert pump.failure is not None
    life = asyncio.create_task(_live(stage, service))
    try:
        done, _ = await asyncio.wait({life, pump.failure}, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
    finally:
        life.cancel()
        for runner in runners:
            await runner.cleanup()
        pump.close()


async def _live(stage: ServiceStage, service: ApiService) -> None:
    """From the start to the end of intake."""
    pump = service.pump
    catching_up = asyncio.create_task(pump.reached(stage.released_at_start))
    stopping = asyncio.create_task(pump.intake_stopped.wait())
    while not catching_up.done() and not stopping.done():
        await asyncio.wait(
            {catching_up, stopping}, timeout=1.0, return_when=asyncio.FIRST_COMPLETED
        )
        stage.progress(f"read {pump.position:,} of {stage.released_at_start:,} events")
    if catching_up.done():
        service.ready = True
        stage.ready()
    await stopping
    service.stopping = True
    catching_up.cancel()
