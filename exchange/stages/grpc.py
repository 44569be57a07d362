"""The body of the stage connect_grpc: models, an order gateway and the gRPC server in one loop.

Who uses it: exchange/stages/main.py. It imports gRPC, and so runs in the stage's process alone.
"""

from __future__ import annotations

from exchange.connect.grpc.lifecycle import serve
from exchange.runtime.channel import DaemonChannel
from exchange.runtime.service import ServiceStage, run_asyncio
from exchange.runtime.spec import StageSpec
from exchange.runtime.updates import Updates


def run(spec: StageSpec, channel: DaemonChannel, updates: Updates) -> int:
    """Run the stage. Returns its exit status."""
    stage = ServiceStage(spec, channel, updates)
    return run_asyncio(stage, lambda: serve(stage))
