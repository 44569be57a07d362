"""The stages that run now: started, told what to do, heard and ended, over the daemon's selector.

Who uses it: the daemon's one thread. Here is mechanism for all of them at once; who starts again
when, is policy: daemon.py for the core, satellites.py for the others.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from exchange.core.stage_names import StageName
from exchange.daemon.child_process import Stage
from exchange.daemon.listeners import Listeners
from exchange.runtime.process import notify_systemd
from exchange.runtime.run_file import StageState
from exchange.runtime.spec import StageMessage, StageSpec
from exchange.settings import Configuration
from ringbuffer.cpu_plan import Placement

log = logging.getLogger(__name__)


class Crew:
    """``eventfds``: of every stage that there can be, the daemon's included.

    ``changed`` is called when a stage was told what to do, or is gone. ``region``: its name.
    """

    def __init__(
        self,
        selector: selectors.BaseSelector,
        configuration: Configuration,
        data_directory: Path,
        eventfds: dict[StageName, int],
        listeners: Listeners,
        changed: Callable[[], None],
        *,
        rebuild_archive: bool,
    ) -> None:
        self.stages: dict[StageName, Stage] = {}
        self.plan: Mapping[str, Placement] = {}
        self._selector = selector
        self._configuration = configuration
        self._data_directory = data_directory
        self._eventfds = eventfds
        self._listeners = listeners
        self._changed = changed
        self._rebuild_archive = rebuild_archive

    def launch(self, role: StageName, nice: int = 0) -> Stage:
        """Start a process; it imports what it needs and waits until it is told what to do."""
        inherited = [*self._eventfds.values(), *self._listeners.descriptors(role).values()]
        stage = self.stages[role] = Stage(role, inherited, nice)
        self._selector.register(
            stage.messages_descriptor, selectors.EVENT_READ, lambda mask: self._hear(stage)
        )
        self._selector.register(stage.pidfd, selectors.EVENT_READ, lambda mask: self._end(stage))
        return stage

    def tell(self, role: StageName) -> None:
        """Tell ``role``, which has been launched, to begin."""
        from exchange.core.region import region_name

        placed = self.plan[role]
        matcher = self.stages.get(StageName.MATCHER)
        self.stages[role].tell(
            StageSpec(
                role=role,
                configuration=self._configuration,
                data_directory=str(self._data_directory),
                region=region_name(self._data_directory),
                eventfds=self._eventfds,
                listeners=self._listeners.descriptors(role),
                cpus=list(placed.cpus or ()),
                idle=placed.idle,
                rebuild_archive=self._rebuild_archive,
                facts=matcher.ready.facts if matcher and matcher.ready else msgspec.Raw(b"null"),
            )
        )
        self._changed()

    def ready(self, role: StageName) -> bool:
        """Whether ``role`` runs and has said that it is ready."""
        stage = self.stages.get(role)
        return stage is not None and stage.ready is not None and not self.ended(role)

    def ended(self, role: StageName) -> bool:
        """Whether the process of ``role`` has ended and was not removed yet."""
        return self.stages[role].exit_status() is not None

    def death(self, role: StageName) -> str:
        """Why ``role`` ended, in words."""
        stage = self.stages[role]
        stage.hear_rest()
        status = stage.exit_status()
        if status is not None and status < 0:
            return f"{role} (pid {stage.pid}) was killed by signal {-status}"
        text = f": {stage.fatal.text}" if stage.fatal else ""
        return f"{role} (pid {stage.pid}) ended with status {status}{text}"

    def reason(self, role: StageName, status: int) -> str:
        """What ``role`` said last before it ended with ``status``, in one line for the operator."""
        stage = self.stages[role]
        stage.hear_rest()
        return f"{role}: {stage.fatal.text if stage.fatal else f'ended with status {status}'}"

    def remove(self, role: StageName) -> None:
        """Kill ``role`` if it runs, and forget it."""
        stage = self.stages.pop(role)
        for descriptor in (stage.pidfd, stage.messages_descriptor):
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(descriptor)
        stage.close()

    def remove_all(self) -> None:
        """Kill and forget every stage."""
        for role in list(self.stages):
            self.remove(role)

    def states(self) -> dict[str, StageState]:
        """What the run file says of each."""
        return {
            role: StageState(
                pid=stage.pid,
                cpus=stage.cpus,
                ready=stage.ready is not None,
                started=stage.started_s,
            )
            for role, stage in self.stages.items()
        }

    def _hear(self, stage: Stage) -> None:
        for message in stage.hear():
            self._log_message(stage, message)

    def _log_message(self, stage: Stage, message: StageMessage) -> None:
        if message.kind == "progress":
            log.info("%s: %s", stage.role, message.text)
            notify_systemd(f"STATUS={stage.role}: {message.text}\nEXTEND_TIMEOUT_USEC=30000000")

    def _end(self, stage: Stage) -> None:
        """A pidfd became readable: the stage has ended. Policy follows after the selector."""
        with contextlib.suppress(KeyError):
            self._selector.unregister(stage.pidfd)
        with contextlib.suppress(KeyError):
            self._selector.unregister(stage.messages_descriptor)
        self._hear(stage)
