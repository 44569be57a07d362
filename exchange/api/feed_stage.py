"""The body of a feed worker: follows the market and serves public WebSocket channels.

Who uses it: exchange/stage.py, once for each worker. The workers share a port (SO_REUSEPORT: the
kernel spreads the connections); each has a market model of its own and knows nothing of accounts.
It answers at once, 503 until its model has read what was released at its start.
"""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

from exchange.api import websocket
from exchange.api.errors import answer_errors
from exchange.api.feed_settings import feed_parameters
from exchange.api.hub import Hub
from exchange.api.pump import EventPump
from exchange.api.service import SERVICE, ApiService, Counters
from exchange.api.service_parts import capacity_in_use, make_market, make_watch
from exchange.counters import Counter
from exchange.service_stage import ServiceStage, run_asyncio
from exchange.stage_line import Telephone
from exchange.supervisor import StageSpec

GOODBYE_S = 1.0  # for clients to take note that the worker stops


def run(spec: StageSpec, telephone: Telephone) -> int:
    """Run the stage. Returns its exit status."""
    stage = ServiceStage(spec, telephone)
    return run_asyncio(stage, lambda: _serve(stage))


def _make_service(stage: ServiceStage) -> ApiService:
    settings = stage.settings
    counters = Counters(stage.counters, f"{stage.role.upper()}_", Counter)
    pump = EventPump(
        stage,
        stage.follower(0),
        batch_events=settings.read_model.batch_events,
        lapped=lambda: counters.add("lapped"),
    )
    market = make_market(settings, capacity_in_use(stage.data_directory))
    service = ApiService(
        role=stage.role,
        configuration=stage.configuration,
        pump=pump,
        counters=counters,
        watch=make_watch(stage),
        released=stage.released,
        market=market,
    )
    service.hub = Hub(
        market,
        feed_parameters(settings, stage.role),
        clock_ms=lambda: time.time_ns() // 1_000_000,
        count=counters.add,
    )
    pump.add_listener(market.apply)
    pump.add_after(service.hub.publish)
    return service


async def _serve(stage: ServiceStage) -> None:
    service = _make_service(stage)
    app = web.Application(middlewares=[answer_errors])
    app[SERVICE] = service
    websocket.add_routes(app)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=GOODBYE_S)
    await runner.setup()
    backlog = stage.settings.feed.listen_backlog
    await web.SockSite(runner, stage.listener("feed"), backlog=backlog).start()
    pump = service.pump
    pump.start()
    assert pump.failure is not None
    life = asyncio.create_task(_live(stage, service))
    try:
        done, _ = await asyncio.wait({life, pump.failure}, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
    finally:
        life.cancel()
        service.hub.stop()
        await runner.cleanup()
        pump.close()


async def _live(stage: ServiceStage, service: ApiService) -> None:
    pump = service.pump
    catching_up = asyncio.create_task(pump.reached(stage.released_at_start))
    stopping = asyncio.create_task(pump.stopped.wait())
    while not catching_up.done() and not stopping.done():
        await asyncio.wait(
            {catching_up, stopping}, timeout=1.0, return_when=asyncio.FIRST_COMPLETED
        )
        stage.progress(f"read {pump.position:,} of {stage.released_at_start:,} events")
    if catching_up.done():
        service.hub.start()
        service.ready = True
        stage.ready()
    await stopping
    service.stopping = True
    catching_up.cancel()
