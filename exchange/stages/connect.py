"""The body of the stages connect_<name> that write to another system.

Who uses it: exchange/stages/main.py. It is ready as soon as it runs: what another system does must
not keep the exchange from starting.
"""

from __future__ import annotations

from collections.abc import Callable

from exchange.connect.connector import Connector, ConnectorParameters, Progress
from exchange.connect.directory import directory_of
from exchange.connect.registry import make_intake, make_sink
from exchange.connect.sink import KeepsModels
from exchange.core.counters import CONNECTOR_COUNTERS
from exchange.core.event_archive import EventArchive
from exchange.core.follower import EventFollower
from exchange.errors import ExitStatus
from exchange.runtime.channel import DaemonChannel
from exchange.runtime.service import ServiceStage
from exchange.runtime.spec import StageSpec
from exchange.runtime.updates import Updates
from exchange.settings.connectors import connectors_of
from ringbuffer.counters import set_value


class StageSurroundings:
    """What a connector needs (``connector.Surroundings``), from the core's region."""

    def __init__(self, stage: ServiceStage) -> None:
        self._stage = stage
        self._archive = stage.archive()
        self._counters = {name: of[stage.role] for name, of in CONNECTOR_COUNTERS.items()}

    def source(self, next_event: int) -> EventFollower:
        return self._stage.follower(next_event)

    def archive(self) -> EventArchive:
        return self._archive

    def released(self) -> int:
        return self._stage.released()

    def should_stop(self) -> bool:
        return self._stage.stopped()

    def wait(self, timeout_s: float, ready: Callable[[], bool]) -> None:
        self._stage.wait(timeout_s, ready)

    def beat(self) -> None:
        self._stage.heartbeat()

    def report(self, progress: Progress) -> None:
        self._stage.consumed(progress.next_event)
        for name, counter in self._counters.items():
            set_value(self._stage.counters, int(counter), int(getattr(progress, name)))


def run(spec: StageSpec, channel: DaemonChannel, updates: Updates) -> int:
    """Run the stage. Returns its exit status."""
    stage = ServiceStage(spec, channel, updates)
    section = connectors_of(stage.settings)[stage.role]
    sink = make_sink(stage, directory_of(spec.facts))
    parameters = ConnectorParameters(
        batch_events=section.batch_events,
        retry_maximum_s=section.retry_maximum_ms / 1000,
    )
    connector = Connector(parameters, StageSurroundings(stage), sink)
    stage.ready()
    with make_intake(stage):
        connector.run()
    if isinstance(sink, KeepsModels):
        sink.save_models()
    return ExitStatus.OK
