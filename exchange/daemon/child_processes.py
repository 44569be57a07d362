"""All child processes that run now: start, specification, messages and end, over one selector.

Who uses it: the daemon's one thread. This is mechanism only. Which stage starts again, and when, is
policy: ``daemon.py`` decides for the core, ``restart_policy.py`` for the other stages.

Decision ARC-1.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from exchange.core.stage_names import StageName
from exchange.daemon.child_process import ChildProcess
from exchange.daemon.listeners import Listeners
from exchange.daemon.stage_starter import StageStarter
from exchange.runtime.process import notify_systemd
from exchange.runtime.run_file import StageState
from exchange.runtime.spec import StageMessage, StageSpec
from exchange.settings import Configuration

if TYPE_CHECKING:
    # ringbuffer imports the compiler's packages, which the daemon does while the stages start
    from ringbuffer.cpu_plan import Placement

log = logging.getLogger(__name__)


class ChildProcesses:
    """``eventfds``: of every stage that there can be, the daemon's included.

    ``starter`` makes their processes. ``changed`` is called when a specification was sent to one.
    """

    def __init__(
        self,
        selector: selectors.BaseSelector,
        configuration: Configuration,
        data_directory: Path,
        *,
        starter: StageStarter,
        eventfds: dict[StageName, int],
        listeners: Listeners,
        changed: Callable[[], None],
        rebuild_archive: bool,
    ) -> None:
        self.stages: dict[StageName, ChildProcess] = {}
        self.plan: Mapping[str, Placement] = {}
        self._told: set[StageName] = set()  # those that have their specification
        self._selector = selector
        self._configuration = configuration
        self._data_directory = data_directory
        self._starter = starter
        self._eventfds = eventfds
        self._listeners = listeners
        self._changed = changed
        self._rebuild_archive = rebuild_archive

    def can_launch(self) -> bool:
        """Whether ``launch`` takes milliseconds now; the fork server may have to import first."""
        return self._starter.ready()

    def launch(self, role: StageName, nice: int = 0) -> ChildProcess:
        """Start a process; it waits for its specification. Raises StageFailed."""
        inherited = [*self._eventfds.values(), *self._listeners.descriptors(role).values()]
        child = self.stages[role] = ChildProcess(role, self._starter, inherited, nice)
        self._selector.register(
            child.messages_descriptor, selectors.EVENT_READ, lambda mask: self._receive(child)
        )
        self._selector.register(
            child.pidfd, selectors.EVENT_READ, lambda mask: self._on_exit(child)
        )
        return child

    def send_spec(self, role: StageName) -> None:
        """Send ``role``, which has been launched, its specification: it begins its work."""
        from exchange.core.region import region_name

        self._told.add(role)
        placed = self.plan[role]
        matcher = self.stages.get(StageName.MATCHER)
        self.stages[role].send(
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

    def update(self, configuration: Configuration) -> None:
        """Send ``configuration`` to every stage that runs, and to those that start later."""
        self._configuration = configuration
        for role in self._told:
            if role in self.stages:
                self.stages[role].send_update(configuration)

    def ready(self, role: StageName) -> bool:
        """Whether ``role`` runs and has said that it is ready."""
        stage = self.stages.get(role)
        return stage is not None and stage.ready is not None and not self.ended(role)

    def ended(self, role: StageName) -> bool:
        """Whether the process of ``role`` has ended and was not removed yet."""
        return self.stages[role].exit_status() is not None

    def describe_exit(self, role: StageName) -> str:
        """How ``role`` ended, in words for the log."""
        stage = self.stages[role]
        stage.receive_rest()
        status = stage.exit_status()
        if status is not None and status < 0:
            return f"{role} (pid {stage.pid}) was killed by signal {-status}"
        text = f": {stage.fatal.text}" if stage.fatal else ""
        return f"{role} (pid {stage.pid}) ended with status {status}{text}"

    def last_message(self, role: StageName, status: int) -> str:
        """The failure that ``role`` reported before it ended with ``status``: one line."""
        stage = self.stages[role]
        stage.receive_rest()
        return f"{role}: {stage.fatal.text if stage.fatal else f'ended with status {status}'}"

    def remove(self, role: StageName) -> None:
        """Kill ``role`` if it runs, and remove it from the selector and from ``stages``."""
        stage = self.stages.pop(role)
        self._told.discard(role)
        for descriptor in (stage.pidfd, stage.messages_descriptor):
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(descriptor)
        stage.close()

    def remove_all(self) -> None:
        """Kill and remove every stage."""
        for role in list(self.stages):
            self.remove(role)

    def states(self) -> dict[str, StageState]:
        """The state of each stage, for the run file."""
        return {
            role: StageState(
                pid=stage.pid,
                cpus=stage.cpus,
                ready=stage.ready is not None,
                started=stage.started_s,
            )
            for role, stage in self.stages.items()
        }

    def _receive(self, child: ChildProcess) -> None:
        for message in child.receive():
            self._log_message(child, message)

    def _log_message(self, child: ChildProcess, message: StageMessage) -> None:
        if message.kind == "progress":
            log.info("%s: %s", child.role, message.text)
            notify_systemd(f"STATUS={child.role}: {message.text}\nEXTEND_TIMEOUT_USEC=30000000")

    def _on_exit(self, child: ChildProcess) -> None:
        """A pidfd became readable: the process has ended. Policy acts on it after the selector."""
        with contextlib.suppress(KeyError):
            self._selector.unregister(child.pidfd)
        with contextlib.suppress(KeyError):
            self._selector.unregister(child.messages_descriptor)
        self._receive(child)
