"""The body of a feed worker: follows the market and serves public WebSocket channels.

Who uses it: exchange/stages/main.py, once for each worker. The workers share a port (SO_REUSEPORT:
the kernel spreads the connections); each has a market model of its own and knows nothing of
accounts. It answers at once, 503 until its model has read what was released at its start.
"""

from __future__ import annotations

import time

from exchange.api.base.event_pump import EventPump
from exchange.api.base.service import ApiService, Counters
from exchange.api.server.application import make_feed_application
from exchange.api.server.connections import ConnectionLimits
from exchange.api.server.lifecycle import Lifecycle, WebServer, load_models
from exchange.api.server.wiring import capacity_in_use, make_market, make_watch, take_over
from exchange.api.websocket.hub import Hub
from exchange.api.websocket.settings import websocket_parameters
from exchange.core.counters import WEB_COUNTERS
from exchange.core.stage_names import StageName
from exchange.read_model.market.model import MarketModel
from exchange.runtime.channel import DaemonChannel
from exchange.runtime.service import ServiceStage, run_asyncio
from exchange.runtime.spec import ListenerName, StageSpec
from exchange.runtime.updates import Updates


def run(spec: StageSpec, channel: DaemonChannel, updates: Updates) -> int:
    """Run the stage. Returns its exit status."""
    stage = ServiceStage(spec, channel, updates)
    return run_asyncio(stage, lambda: _serve(stage))


def _make_service(stage: ServiceStage, market: MarketModel) -> ApiService:
    settings = stage.settings
    counters = Counters(stage.counters, WEB_COUNTERS[stage.role])
    pump = EventPump(
        stage,
        stage.follower(market.next_event),
        batch_events=settings.read_model.batch_events,
        lapped=lambda: counters.add("lapped"),
    )
    service = ApiService(
        role=stage.role,
        pump=pump,
        counters=counters,
        watch=make_watch(stage),
        released=stage.released,
        market=market,
    )
    service.hub = Hub(
        market,
        websocket_parameters(settings, stage.role),
        clock_ms=lambda: time.time_ns() // 1_000_000,
        count=counters.add,
    )
    pump.add_listener(market.apply)
    pump.add_after(service.hub.publish)
    return service


async def _serve(stage: ServiceStage) -> None:
    settings = stage.settings
    capacity = capacity_in_use(stage.data_directory)
    (market,), checkpoints = load_models(stage, "feed", lambda: [make_market(settings, capacity)])
    service = _make_service(stage, market)
    limits = ConnectionLimits(settings.feed.connections, settings.api.connections_per_ip)
    stage.on_update = lambda changed: take_over(service, changed, limits)
    lifecycle = Lifecycle(
        stage,
        service,
        [WebServer(ListenerName.FEED, make_feed_application(service, limits.asked), limits)],
        backlog=settings.feed.listen_backlog,
        # all workers have the same models: one of them writes for all
        checkpoints=checkpoints if stage.role == StageName.FEED_1 else None,
    )

    async def drain() -> None:
        """A feed worker has no commands under way."""

    await lifecycle.run(service.pump.stopped, drain)
