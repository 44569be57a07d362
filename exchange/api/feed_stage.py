"""The body of a feed worker: follows the market and serves public WebSocket channels.

Who uses it: exchange/stage.py, once for each worker; they share a port.
"""

from __future__ import annotations

import asyncio

from exchange.api.pump import EventPump
from exchange.service_stage import ServiceStage, run_asyncio
from exchange.stage_line import Telephone
from exchange.supervisor import StageSpec


def run(spec: StageSpec, telephone: Telephone) -> int:
    """Run the stage. Returns its exit status."""
    stage = ServiceStage(spec, telephone)
    return run_asyncio(stage, lambda: _serve(stage))


async def _serve(stage: ServiceStage) -> None:
    pump = EventPump(stage, stage.follower(0), batch_events=stage.settings.read_model.batch_events)
    pump.start()
    assert pump.failure is not None
    life = asyncio.create_task(_live(stage, pump))
    try:
        done, _ = await asyncio.wait({life, pump.failure}, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
    finally:
        life.cancel()
        pump.close()


async def _live(stage: ServiceStage, pump: EventPump) -> None:
    await pump.reached(stage.released_at_start)
    stage.ready()
    await pump.stopped.wait()
