"""The body of the stage api: read models, order gateway and web server in one asyncio loop.

Who uses it: exchange/stages/main.py. See exchange/api/server/lifecycle.py for its phases.
"""

from __future__ import annotations

import asyncio

from exchange.api.server.application import (
    make_application,
    make_health_application,
    make_metrics_application,
)
from exchange.api.server.connections import ConnectionLimits
from exchange.api.server.lifecycle import Lifecycle, WebServer, load_models
from exchange.api.server.wiring import (
    capacity_in_use,
    make_api_service,
    make_market,
    make_metrics,
    take_over,
)
from exchange.read_model.accounts.ledger_model import LedgerModel
from exchange.runtime.account_models import api_account_capacity
from exchange.runtime.channel import DaemonChannel
from exchange.runtime.descriptors import PROBES, SCRAPERS
from exchange.runtime.service import ServiceStage, run_asyncio
from exchange.runtime.spec import ListenerName, StageSpec
from exchange.runtime.updates import Updates

OUTCOME_POLL_S = 0.005


def run(spec: StageSpec, channel: DaemonChannel, updates: Updates) -> int:
    """Run the stage. Returns its exit status."""
    stage = ServiceStage(spec, channel, updates)
    return run_asyncio(stage, lambda: _serve(stage))


async def _serve(stage: ServiceStage) -> None:
    settings = stage.settings
    capacity = capacity_in_use(stage.data_directory)
    (market, accounts), checkpoints = load_models(
        stage,
        "api",
        lambda: [
            make_market(settings, capacity),
            LedgerModel(api_account_capacity(settings, capacity)),
        ],
    )
    service = make_api_service(stage, market, accounts)
    limits = ConnectionLimits(settings.api.connections, settings.api.connections_per_ip)
    stage.on_update = lambda changed: take_over(service, changed, limits)
    # probes are answered also when the API has no room
    of_probes = ConnectionLimits(PROBES, PROBES)
    of_scrapers = ConnectionLimits(SCRAPERS, SCRAPERS)
    lifecycle = Lifecycle(
        stage,
        service,
        [
            WebServer(ListenerName.API, make_application(service, limits.asked), limits),
            WebServer(
                ListenerName.HEALTH,
                make_health_application(service, of_probes.asked),
                of_probes,
            ),
            WebServer(
                ListenerName.METRICS,
                make_metrics_application(make_metrics(stage, service), of_scrapers.asked),
                of_scrapers,
            ),
        ],
        backlog=settings.api.listen_backlog,
        checkpoints=checkpoints,
    )

    async def drain() -> None:
        # every command under way gets its outcome; each has a timeout of its own
        while service.gateway.under_way:
            await asyncio.sleep(OUTCOME_POLL_S)
        service.gateway.close()

    await lifecycle.run(service.pump.intake_stopped, drain)
