"""The body of the stage store: writes what released events say to Postgres.

Who uses it: exchange/stage.py.
"""

from __future__ import annotations

from exchange.errors import ExitStatus
from exchange.service_stage import HEARTBEAT_S, ServiceStage
from exchange.stage_line import Telephone
from exchange.supervisor import StageSpec
from ringbuffer.idle import Block


def run(spec: StageSpec, telephone: Telephone) -> int:
    """Run the stage. Returns its exit status."""
    stage = ServiceStage(spec, telephone)
    follower = stage.follower(0)
    idle = Block(
        stage.cursors, [stage.sleeping_word], [stage.eventfd], timeout_ms=int(HEARTBEAT_S * 1000)
    )
    stage.ready()
    while True:
        stage.heartbeat()
        if len(follower.read(stage.settings.store.batch_events)):
            stage.consumed(follower.position)
            continue
        if stage.stopped():
            return ExitStatus.OK
        idle.prepare()
        try:
            if follower.behind() <= 0 and not stage.stopped():
                idle.wait()
        finally:
            idle.resume()
