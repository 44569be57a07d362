"""The body of the stage api: read models, order gateway and web server in one asyncio loop.

Who uses it: exchange/stage.py. Life: the servers answer at once (503, "starting"), the models read
what has happened (archive, then ring), then the stage is ready. At a graceful stop it takes nothing
more, lets outcomes that somebody waits for come, tells WebSockets, and ends.
"""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from exchange.api.server import make_application, make_health_application
from exchange.api.service import ApiService
from exchange.api.service_parts import (
    account_capacity,
    capacity_in_use,
    make_api_service,
    make_market,
)
from exchange.read_model.accounts import AccountModel
from exchange.service_stage import ServiceStage, run_asyncio
from exchange.stage_line import Telephone
from exchange.supervisor import StageSpec

log = logging.getLogger(__name__)

SHUTDOWN_S = 2.0  # for requests that are being answered when the server closes
OUTCOME_POLL_S = 0.005


def run(spec: StageSpec, telephone: Telephone) -> int:
    """Run the stage. Returns its exit status."""
    stage = ServiceStage(spec, telephone)
    capacity = capacity_in_use(stage.data_directory)
    market = make_market(stage.settings, capacity)
    accounts = AccountModel(account_capacity(stage.settings, capacity))
    return run_asyncio(stage, lambda: _serve(stage, make_api_service(stage, market, accounts)))


async def _serve(stage: ServiceStage, service: ApiService) -> None:
    runners = []
    for name, app in (
        ("api", make_application(service)),
        ("health", make_health_application(service)),
    ):
        runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            auto_decompress=False,  # an encoded body is refused, and not unpacked before that
            shutdown_timeout=SHUTDOWN_S,
            keepalive_timeout=stage.settings.api.idle_timeout_ms / 1000,
            max_line_size=stage.settings.api.header_bytes,
            max_field_size=stage.settings.api.header_bytes,
        )
        await runner.setup()
        backlog = stage.settings.api.listen_backlog
        await web.SockSite(runner, stage.listener(name), backlog=backlog).start()
        runners.append(runner)
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
        service.gateway.close()
        service.hub.stop()
        for runner in runners:
            await runner.cleanup()
        pump.close()


async def _live(stage: ServiceStage, service: ApiService) -> None:
    """From the start to the end of intake, and until nobody waits for an outcome any more."""
    pump = service.pump
    catching_up = asyncio.create_task(pump.reached(stage.released_at_start))
    stopping = asyncio.create_task(pump.intake_stopped.wait())
    while not catching_up.done() and not stopping.done():
        await asyncio.wait(
            {catching_up, stopping}, timeout=1.0, return_when=asyncio.FIRST_COMPLETED
        )
        stage.progress(f"read {pump.position:,} of {stage.released_at_start:,} events")
    if catching_up.done():
        service.gateway.warm_up()
        service.hub.start()
        service.ready = True
        stage.ready()
    await stopping
    service.stopping = True
    catching_up.cancel()
    while service.gateway.under_way:
        await asyncio.sleep(OUTCOME_POLL_S)  # each has a timeout of its own
