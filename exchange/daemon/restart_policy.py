"""The stages around the core, each of which restarts alone: order entry, api, feed workers, store.

Who uses it: the daemon's one thread; ``work`` is called on every turn and never blocks. Policy:

    order entry dies        it starts again at once; too often: RestartLimitReached, the daemon ends
    ... with a status that  _StageError: the daemon ends with it
        would come again
    api, feed, store die    they start again at once, then after pauses that double; trading never
                            ends because of them
    one does not get ready  order entry: StageFailed; the others are killed and start again
    one hangs               it is killed (daemon.py looks at heartbeats), then as above

Invariant: without order entry the exchange is not ready; without the others it is.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from exchange.core.stage_names import FEED_STAGES, StageName
from exchange.daemon.child_processes import Crew
from exchange.errors import ExchangeError, ExitStatus, RestartLimitReached, StageFailed
from exchange.settings import Settings

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.25
# a stage that ends with one of these would do so again: the daemon ends with it
FATAL_STATUSES = frozenset(
    {
        ExitStatus.UNSUPPORTED_PLATFORM,
        ExitStatus.SHARED_MEMORY_UNAVAILABLE,
        ExitStatus.DATA_DIRECTORY_UNAVAILABLE,
        ExitStatus.JOURNAL_FAILED,
        ExitStatus.JOURNAL_CORRUPT,
        ExitStatus.CONFIGURATION,
    }
)


class StageError(ExchangeError):
    """A stage ended with a status of its own, which becomes the daemon's."""

    def __init__(self, message: str, status: ExitStatus) -> None:
        super().__init__(message)
        self.status = status


class Role(NamedTuple):
    """A satellite that the configuration asks for."""

    name: StageName
    nice: int


def roles_of(settings: Settings) -> list[Role]:
    """The satellites that ``settings`` ask for, most important first."""
    roles = [Role(StageName.ORDER_ENTRY, 0)]
    if settings.api.enabled:
        roles.append(Role(StageName.API, settings.api.nice))
    roles += [Role(name, settings.feed.nice) for name in FEED_STAGES[: settings.feed.workers]]
    if settings.store.dsn != "off":
        roles.append(Role(StageName.STORE, settings.store.nice))
    return roles


class RestartWindow:
    """How often something has been restarted lately."""

    def __init__(self, limit: int, window_s: float) -> None:
        self._limit = limit
        self._window_s = window_s
        self._times: deque[float] = deque()
        self.count = 0

    def note(self, now_s: float) -> bool:
        """Count a restart. Returns False, and does not count it, where it is one too many."""
        while self._times and self._times[0] < now_s - self._window_s:
            self._times.popleft()
        if len(self._times) >= self._limit:
            return False
        self._times.append(now_s)
        self.count += 1
        return True


class _Satellite:
    """What is remembered of one role over the lives of its processes."""

    def __init__(self, role: Role, restarts: RestartWindow) -> None:
        self.role = role
        self.restarts = restarts
        self.told = False
        self.known_ready = False
        self.ready_s = 0.0
        self.pause_s = 0.0
        self.due_s: float | None = None  # when it starts again, None: it runs


class Satellites:
    """``changed`` is called when one of them became ready or is gone."""

    def __init__(self, crew: Crew, settings: Settings, changed: Callable[[], None]) -> None:
        supervision = settings.supervision
        self._crew = crew
        self._changed = changed
        self._allowed_s = supervision.start_timeout_ms / 1000
        self._longest_pause_s = supervision.retry_maximum_ms / 1000
        self._window_s = supervision.restart_window_ms / 1000
        self._limit = supervision.restart_limit
        self._began = False
        self._all = {
            role.name: _Satellite(role, RestartWindow(supervision.restart_limit, self._window_s))
            for role in roles_of(settings)
        }

    @property
    def names(self) -> tuple[StageName, ...]:
        """All of them, running or not."""
        return tuple(self._all)

    def restarts(self) -> dict[str, int]:
        """How often each was restarted alone."""
        return {str(name): satellite.restarts.count for name, satellite in self._all.items()}

    def launch(self) -> None:
        """Start all processes, so that their imports overlap with the core's start."""
        self._began = False
        for satellite in self._all.values():
            self._launch(satellite)

    def begin(self) -> None:
        """The core stands: tell all to begin, these and those that are started later."""
        self._began = True
        for satellite in self._all.values():
            self._tell(satellite)

    def ready(self) -> bool:
        """Whether those are ready without which the exchange is not."""
        return self._crew.ready(StageName.ORDER_ENTRY)

    def work(self) -> float | None:
        """One look at all of them. Returns in how many seconds it must be called again at most.

        Raises StageError, StageFailed and RestartLimitReached, all about order entry.
        """
        soonest_s = None
        for satellite in self._all.values():
            if satellite.due_s is None:
                self._look(satellite)
            if satellite.due_s is None:
                continue
            left_s = satellite.due_s - time.monotonic()
            if left_s <= 0:
                self._launch(satellite)
                self._tell(satellite)
            else:
                soonest_s = left_s if soonest_s is None else min(soonest_s, left_s)
        return soonest_s

    # --- one of them --------------------------------------------------------------------------

    def _launch(self, satellite: _Satellite) -> None:
        self._crew.launch(satellite.role.name, satellite.role.nice)
        satellite.due_s = None
        satellite.told = satellite.known_ready = False

    def _tell(self, satellite: _Satellite) -> None:
        if self._began and satellite.due_s is None and not satellite.told:
            satellite.told = True
            self._crew.tell(satellite.role.name)

    def _look(self, satellite: _Satellite) -> None:
        name = satellite.role.name
        stage = self._crew.stages[name]
        status = stage.exit_status()
        if status is not None:
            self._died(satellite, status)
        elif stage.ready is not None:
            if not satellite.known_ready:
                satellite.known_ready, satellite.ready_s = True, time.monotonic()
                log.info("%s ready", name, extra={"fields": {"child": stage.pid}})
                self._changed()
        elif satellite.told and time.monotonic() - stage.last_sign_s > self._allowed_s:
            late = f"{name} was not ready within {self._allowed_s:g} s"
            if name == StageName.ORDER_ENTRY:
                raise StageFailed(late)
            log.error("%s", late)
            stage.kill()
            self._died(satellite, -9)

    def _died(self, satellite: _Satellite, status: int) -> None:
        name = satellite.role.name
        essential = name == StageName.ORDER_ENTRY
        if essential and status in FATAL_STATUSES:
            raise StageError(self._crew.reason(name, status), ExitStatus(status))
        now_s = time.monotonic()
        lasted = satellite.known_ready and now_s - satellite.ready_s > self._window_s
        death = self._crew.death(name)
        self._crew.remove(name)
        satellite.known_ready = satellite.told = False
        few = satellite.restarts.note(now_s)
        if essential:
            if not few:
                raise RestartLimitReached(
                    f"{name} died {self._limit + 1} times within {self._window_s:g} s: giving up"
                )
            satellite.pause_s = 0.0
        elif lasted or satellite.restarts.count <= 1:
            satellite.pause_s = 0.0
        else:
            satellite.pause_s = min(
                max(2 * satellite.pause_s, FIRST_PAUSE_S), self._longest_pause_s
            )
        if not few:
            # as often as it was allowed to within the window: from here on as seldom as possible
            satellite.pause_s = self._longest_pause_s
        satellite.due_s = now_s + satellite.pause_s
        when = f" in {satellite.pause_s:g} s" if satellite.pause_s else ""
        log.error("%s died: %s; restarting it alone%s", name.replace("_", " "), death, when)
        self._changed()
