"""When a stage outside the core restarts: order entry, api, feeds, store, and so on, each alone.

Who uses it: the daemon's one thread; ``work`` is called on every turn and never blocks. Policy:

    order entry dies        it starts again at once; too often: RestartLimitReached, the daemon ends
    ... with a status that  StageError: the daemon ends with that status
        would come again
    the others die          they start again at once, then after pauses that double; trading never
                            ends because of them
    one does not get ready  order entry: StageFailed; the others are killed and start again
    one hangs               the daemon kills it (watchdog.py), then as above
    one cannot be started   it is tried again after pauses that double; order entry too

Invariant: without order entry the exchange is not ready; without the others it is.

Decision CTL-5.
"""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from exchange.core.stage_names import FEED_STAGES, StageName
from exchange.daemon.child_processes import ChildProcesses
from exchange.errors import ExchangeError, ExitStatus, RestartLimitReached, StageFailed
from exchange.settings import Settings
from exchange.settings.connectors import connectors_of

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.25
LOOK_S = 0.1  # while the fork server imports
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
    """A stage outside the core that the configuration asks for."""

    name: StageName
    nice: int


def roles_of(settings: Settings) -> list[Role]:
    """The stages outside the core that ``settings`` ask for, most important first."""
    roles = [Role(StageName.ORDER_ENTRY, 0)]
    if settings.api.enabled:
        roles.append(Role(StageName.API, settings.api.nice))
    roles += [Role(name, settings.feed.nice) for name in FEED_STAGES[: settings.feed.workers]]
    if settings.store.dsn != "off":
        roles.append(Role(StageName.STORE, settings.store.nice))
    if settings.snapshot.enabled:
        roles.append(Role(StageName.SNAPSHOTTER, settings.snapshot.nice))
    roles += [Role(name, section.nice) for name, section in connectors_of(settings).items()]
    return roles


class RestartWindow:
    """How often something has been restarted within the last ``window_s`` seconds."""

    def __init__(self, limit: int, window_s: float) -> None:
        self._limit = limit
        self._window_s = window_s
        self._times: deque[float] = deque()
        self.count = 0

    def note(self, now_s: float) -> bool:
        """Count a restart. Returns False, and does not count it, when it exceeds the limit."""
        while self._times and self._times[0] < now_s - self._window_s:
            self._times.popleft()
        if len(self._times) >= self._limit:
            return False
        self._times.append(now_s)
        self.count += 1
        return True


class _RoleState:
    """What is kept of one role from one of its processes to the next."""

    def __init__(self, role: Role, restarts: RestartWindow) -> None:
        self.role = role
        self.restarts = restarts
        self.spec_sent = False
        self.known_ready = False
        self.ready_s = 0.0
        self.pause_s = 0.0
        self.due_s: float | None = None  # when it starts again, None: it runs


class RestartPolicy:
    """Starts the stages outside the core, and starts them again.

    ``changed`` is called when one of them became ready or has ended.
    """

    def __init__(
        self, children: ChildProcesses, settings: Settings, changed: Callable[[], None]
    ) -> None:
        supervision = settings.supervision
        self._children = children
        self._changed = changed
        self._allowed_s = supervision.start_timeout_ms / 1000
        self._longest_pause_s = supervision.retry_maximum_ms / 1000
        self._window_s = supervision.restart_window_ms / 1000
        self._limit = supervision.restart_limit
        self._began = False
        self._held = False
        self._all = {
            role.name: _RoleState(role, RestartWindow(supervision.restart_limit, self._window_s))
            for role in roles_of(settings)
        }

    @property
    def names(self) -> tuple[StageName, ...]:
        """The stages outside the core, running or not."""
        return tuple(self._all)

    def restarts(self) -> dict[str, int]:
        """How often each was restarted alone."""
        return {str(name): state.restarts.count for name, state in self._all.items()}

    def hold(self) -> None:
        """Start no stage but order entry before ``let_go``: the compiler works for the others."""
        self._held = True

    def held(self) -> list[str]:
        """The stages that are held."""
        return [str(name) for name, state in self._all.items() if state.due_s == math.inf]

    def let_go(self) -> None:
        """Start the stages that were held."""
        self._held = False
        for state in self._all.values():
            if state.due_s == math.inf:
                state.due_s = time.monotonic()
        self._changed()

    def launch(self) -> None:
        """Start all processes, so that their imports overlap with the core's start."""
        self._began = False
        for state in self._all.values():
            if self._held and state.role.name != StageName.ORDER_ENTRY:
                state.due_s = math.inf
            elif state.role.name == StageName.ORDER_ENTRY:
                self._launch(state)
            else:
                self._try_to_launch(state)

    def begin(self) -> None:
        """The core is ready: send all their specifications, also those that start later."""
        self._began = True
        for state in self._all.values():
            self._send_spec(state)

    def ready(self) -> bool:
        """Whether the stages without which the exchange is not ready are ready."""
        return self._children.ready(StageName.ORDER_ENTRY)

    def work(self) -> float | None:
        """Check all of them. Returns in how many seconds it must be called again at most.

        Raises StageError, StageFailed and RestartLimitReached, all about order entry.
        """
        soonest_s = None
        for state in self._all.values():
            if state.due_s is None:
                self._check(state)
            if state.due_s is None:
                continue
            if state.due_s <= time.monotonic():
                if self._children.can_launch():
                    self._try_to_launch(state)
                    self._send_spec(state)
                else:
                    state.due_s = time.monotonic() + LOOK_S
            if state.due_s is not None:
                left_s = max(state.due_s - time.monotonic(), 0.0)
                soonest_s = left_s if soonest_s is None else min(soonest_s, left_s)
        return soonest_s

    # --- one stage -----------------------------------------------------------------------------

    def _launch(self, state: _RoleState) -> None:
        self._children.launch(state.role.name, state.role.nice)
        state.due_s = None
        state.spec_sent = state.known_ready = False

    def _try_to_launch(self, state: _RoleState) -> None:
        """Start it; when that fails (no process to be had, no memory), later."""
        try:
            self._launch(state)
        except (StageFailed, OSError) as error:
            state.pause_s = min(max(2 * state.pause_s, FIRST_PAUSE_S), self._longest_pause_s)
            state.due_s = time.monotonic() + state.pause_s
            log.error("%s; trying again in %g s", error, state.pause_s)

    def _send_spec(self, state: _RoleState) -> None:
        if self._began and state.due_s is None and not state.spec_sent:
            state.spec_sent = True
            self._children.send_spec(state.role.name)

    def _check(self, state: _RoleState) -> None:
        name = state.role.name
        stage = self._children.stages[name]
        status = stage.exit_status()
        if status is not None:
            self._on_exit(state, status)
        elif stage.ready is not None:
            if not state.known_ready:
                state.known_ready, state.ready_s = True, time.monotonic()
                log.info("%s ready", name, extra={"fields": {"child": stage.pid}})
                self._changed()
        elif state.spec_sent and time.monotonic() - stage.last_message_s > self._allowed_s:
            late = f"{name} was not ready within {self._allowed_s:g} s"
            if name == StageName.ORDER_ENTRY:
                raise StageFailed(late)
            log.error("%s", late)
            stage.kill()
            self._on_exit(state, -9)

    def _on_exit(self, state: _RoleState, status: int) -> None:
        name = state.role.name
        essential = name == StageName.ORDER_ENTRY
        if essential and status in FATAL_STATUSES:
            raise StageError(self._children.last_message(name, status), ExitStatus(status))
        now_s = time.monotonic()
        lasted_long = state.known_ready and now_s - state.ready_s > self._window_s
        how = self._children.describe_exit(name)
        self._children.remove(name)
        state.known_ready = state.spec_sent = False
        allowed = state.restarts.note(now_s)
        if essential:
            if not allowed:
                raise RestartLimitReached(
                    f"{name} died {self._limit + 1} times within {self._window_s:g} s: giving up"
                )
            state.pause_s = 0.0
        elif lasted_long or state.restarts.count <= 1:
            state.pause_s = 0.0
        else:
            state.pause_s = min(max(2 * state.pause_s, FIRST_PAUSE_S), self._longest_pause_s)
        if not allowed:
            # it has used up the restarts of the window: from here on as rarely as possible
            state.pause_s = self._longest_pause_s
        state.due_s = now_s + state.pause_s
        when = f" in {state.pause_s:g} s" if state.pause_s else ""
        log.error("%s died: %s; restarting it alone%s", name.replace("_", " "), how, when)
        self._changed()
