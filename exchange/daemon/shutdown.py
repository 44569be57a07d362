"""A graceful stop: no more intake, then everything applied, durable, released, delivered, stored.

Who uses it: the daemon, once, when a stop was requested. The order makes the stop graceful:

    1. STOP_INTAKE: order entry, api and connect_grpc take no more commands, answer those that
       they have taken, tell their clients, and end
    2. the matcher takes what is left in the ingress rings; all of it becomes durable and released
    3. STOP: matcher and journaler end; feed workers and store follow to the last event and end

Order entry and the core must end within ``supervision.stop_timeout_ms`` (StopTimedOut). The other
stages are killed when they do not end in time: they continue after the next start.

Decision CTL-4.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from exchange.control.producer import ingress_empty, settled
from exchange.core import pipeline
from exchange.core.pipeline import IngressRing
from exchange.core.region import Core
from exchange.core.stage_names import CORE_STAGES, StageName
from exchange.daemon.child_processes import ChildProcesses
from exchange.settings import Settings

log = logging.getLogger(__name__)

API_PART = 0.5  # the part of the time for the stop that api may take to answer its clients


class Wait(Protocol):
    """Runs the daemon's event loop until a condition holds. Raises StopTimedOut at ``deadline``."""

    def __call__(
        self, condition: Callable[[], bool], what: str, deadline: float | None = None
    ) -> None: ...


def stop_gracefully(children: ChildProcesses, core: Core, settings: Settings, wait: Wait) -> None:
    """Stop everything; returns when every stage has ended."""
    stop = _Stop(children, wait)
    allowed_s = settings.supervision.stop_timeout_ms / 1000
    began_s = time.monotonic()
    deadline = began_s + allowed_s
    cursors = core.cursors

    def drained() -> bool:
        return ingress_empty(cursors, tuple(IngressRing)) and settled(cursors)

    core.set_word(pipeline.STOP_INTAKE, 1)
    stop.must_end((StageName.ORDER_ENTRY,), deadline)
    stop.should_end((StageName.API, StageName.CONNECT_GRPC), began_s + allowed_s * API_PART)
    wait(drained, "everything to be durable and released", deadline)
    core.set_word(pipeline.STOP, 1)
    stop.must_end(CORE_STAGES, deadline)
    consumers = [role for role in children.stages if role not in CORE_STAGES]
    stop.should_end(consumers, time.monotonic() + settings.store.drain_timeout_ms / 1000)


class _Stop:
    def __init__(self, children: ChildProcesses, wait: Wait) -> None:
        self._children = children
        self._wait = wait

    def must_end(self, roles: Sequence[StageName], deadline: float) -> None:
        """Wait until all ``roles`` have ended. Raises StopTimedOut."""
        self._wait(lambda: self._all_ended(roles), f"{' and '.join(roles)} to end", deadline)
        self._remove(roles)

    def should_end(self, roles: Sequence[StageName], deadline: float) -> None:
        """Wait until all ``roles`` have ended, and kill those that have not at ``deadline``."""
        self._wait(
            lambda: self._all_ended(roles) or time.monotonic() >= deadline,
            f"{' and '.join(roles)} to end",
            deadline + 1,
        )
        self._remove(roles)

    def _all_ended(self, roles: Sequence[StageName]) -> bool:
        return all(
            role not in self._children.stages or self._children.ended(role) for role in roles
        )

    def _remove(self, roles: Sequence[StageName]) -> None:
        for role in roles:
            if role not in self._children.stages:
                continue
            if not self._children.ended(role):
                log.warning("%s did not end in time: killed; it resumes at the next start", role)
            elif self._children.stages[role].exit_status() != 0:
                log.error("%s: %s", role, self._children.describe_exit(role))
            self._children.remove(role)
