"""The daemon: it starts and restarts the stages and produces control commands, in one thread.

One core, from start to end (``_run_core``): the matcher recovers, the journaler opens the journal,
the control commands that the journal lacks are applied, the other stages get ready, then the daemon
waits for events. Policy:

    matcher or journaler dies          the whole core is killed at once and starts by recovery
    ... or hangs                       the same: its heartbeat is older than hang_timeout_ms
    another stage dies or hangs        it restarts alone (restart_policy.py)
    a stage ends with its own status   (journal failed, corrupt, ...): everything stops with it
    too many restarts in a window      exit status RESTART_LIMIT_REACHED
    SIGTERM, SIGINT, `exchange stop`   graceful (shutdown.py, signal_watch.py)

Invariants: one daemon per data directory (lock); no stage outlives the daemon (each asks the kernel
for that); the region is removed whenever the daemon ends by itself.

Decision ARC-2.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from exchange.control.clock import ExchangeClock
from exchange.control.socket import Client, ControlSocket, Request
from exchange.core.clock_state import SECOND_NS
from exchange.core.stage_names import CORE_STAGES, StageName
from exchange.daemon.announcement import ready_lines
from exchange.daemon.child_processes import ChildProcesses
from exchange.daemon.first_start import FirstStart
from exchange.daemon.listeners import Listeners
from exchange.daemon.preflight import check_data_directory, check_system
from exchange.daemon.reload import reload_files
from exchange.daemon.restart_policy import (
    FATAL_STATUSES,
    RestartPolicy,
    RestartWindow,
    StageError,
    roles_of,
)
from exchange.daemon.service_manager import ServiceManager
from exchange.daemon.signal_watch import SignalWatch
from exchange.daemon.stage_starter import StageStarter
from exchange.daemon.watchdog import Watchdog, read_process
from exchange.errors import (
    ExitStatus,
    RestartLimitReached,
    StageFailed,
    StopTimedOut,
)
from exchange.runtime import logs
from exchange.runtime.configured import remember_configuration
from exchange.runtime.process import DataDirectoryLock, prepare_data_directory
from exchange.runtime.releases import remember_release
from exchange.runtime.run_file import RunFile
from exchange.runtime.spec import ListenerName
from exchange.settings import Configuration

if TYPE_CHECKING:
    from exchange.control.loop import ControlLoop
    from exchange.core.region import Core
    from exchange.daemon.descriptor_watch import DescriptorWatch
    from exchange.recovery.facts import EngineFacts

log = logging.getLogger(__name__)

PLACED_STAGES = (*CORE_STAGES, StageName.ORDER_ENTRY)  # those with a place of their own on the CPUs
SETTLE_POLL_S = 0.001


class CoreDied(Exception):
    """Matcher or journaler ended; the core must start again by recovery."""


class _StopRequested(Exception):
    """A graceful stop was asked for while the core was starting."""


class Daemon:
    """One run of the exchange on one data directory; ``run`` returns when it has stopped."""

    def __init__(
        self,
        configuration: Configuration,
        data_directory: Path,
        *,
        announce: Callable[[str], None],
        load: Callable[[], Configuration],
        rebuild_archive: bool = False,
    ) -> None:
        """``announce`` is called with each line for people when the exchange is ready.

        ``load``: reads the configuration again, for a reload. Raises ConfigurationError.
        ``rebuild_archive``: replace archived events that the journal does not cause.
        """
        self._announce = announce
        self._load = load
        self._rebuild_archive = rebuild_archive
        self._configuration = configuration
        self._settings = configuration.settings
        self._data_directory = data_directory
        supervision = self._settings.supervision
        self._core_restarts = RestartWindow(
            supervision.restart_limit, supervision.restart_window_ms / 1000
        )
        # a stage that sleeps reports a heartbeat once in idle_timeout_ms
        hang_ms = supervision.hang_timeout_ms
        self._hang_timeout_ms = max(hang_ms, 3 * supervision.idle_timeout_ms) if hang_ms else 0
        self._watchdog = Watchdog(self._hang_timeout_ms, log.warning)
        self._hung_count = 0
        self._restart_due_s: float | None = None
        self._selector = selectors.DefaultSelector()
        self._stopping = False
        self._phase = "starting"
        self._core: Core | None = None
        self._control: ControlLoop | None = None
        self._descriptor_watch: DescriptorWatch | None = None
        self._day_number = 0
        self._service = ServiceManager()

    # --- start and end ------------------------------------------------------------------------

    def run(self) -> None:
        """Run until a stop is requested. Raises ExchangeError; its status is the daemon's."""
        check_system(self._settings)
        self._data_directory = prepare_data_directory(self._data_directory)
        log_file = self._settings.log.file
        logs.configure(
            StageName.DAEMON,
            self._settings.log.level,
            self._data_directory / log_file if log_file else None,
            must_open=True,
        )
        with contextlib.ExitStack() as stack:
            lock = DataDirectoryLock(self._data_directory)
            stack.callback(lock.release)
            remember_configuration(self._data_directory, self._configuration.file)
            remember_release(self._data_directory)
            stack.callback(self._selector.close)
            check_data_directory(self._configuration, self._data_directory)
            self._listeners = Listeners(self._settings)
            stack.callback(self._listeners.close)
            self._run_file = RunFile(self._data_directory)
            stack.callback(self._run_file.remove)
            self._signals = SignalWatch(self._selector, stack)
            self._clock = ExchangeClock(
                self._settings.day.follow_step_s * SECOND_NS, self._data_directory
            )
            self._control_socket = ControlSocket(
                self._data_directory, self._selector, self._handle_request
            )
            stack.callback(self._control_socket.close)
            roles = (*CORE_STAGES, *(role.name for role in roles_of(self._settings)))
            self._eventfds = {
                name: os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
                for name in (*roles, StageName.DAEMON)
            }
            for descriptor in self._eventfds.values():
                stack.callback(os.close, descriptor)
            self._starter = StageStarter(
                [*self._eventfds.values(), *self._listeners.all_descriptors()],
                self._settings.supervision.start_timeout_ms / 1000,
            )
            stack.callback(self._starter.close)
            self._starter.begin()
            self._children = ChildProcesses(
                self._selector,
                self._configuration,
                self._data_directory,
                starter=self._starter,
                eventfds=self._eventfds,
                listeners=self._listeners,
                changed=self._write_run_file,
                rebuild_archive=self._rebuild_archive,
            )
            self._restart_policy = RestartPolicy(
                self._children, self._settings, self._write_run_file
            )
            self._first_start = FirstStart(self._selector, self._restart_policy)
            stack.callback(self._first_start.close)
            try:
                if not self._first_start.compile(
                    lambda: self._set_phase("compiling"), lambda: self._signals.stop
                ):
                    raise _StopRequested
                self._run_cores()
            except _StopRequested:
                log.info("stopped while starting")
            finally:
                self._service.stopping(self._settings.supervision.kill_timeout_ms)
                self._kill_all()
            log.info("stopped")

    def _run_cores(self) -> None:
        while True:
            try:
                self._run_core()
                return
            except CoreDied as death:
                log.error("core died: %s; restarting by recovery", death)
                self._kill_all()
                if not self._core_restarts.note(time.monotonic()):
                    supervision = self._settings.supervision
                    raise RestartLimitReached(
                        f"core died {supervision.restart_limit + 1} times within "
                        f"{supervision.restart_window_ms / 1000:g} s: giving up"
                    ) from None

    # --- one core -----------------------------------------------------------------------------

    def _run_core(self) -> None:
        self._set_phase("recovering", self._settings.supervision.start_timeout_ms)
        started_s = time.monotonic()
        # imported while the fork server does: the compiler's packages take most of a second
        from exchange.control.loop import ControlLoop
        from exchange.core.region import Core, RingCapacities, region_name
        from exchange.daemon.placement import place_stages
        from exchange.daemon.shutdown import stop_gracefully

        self._launch_all()
        self._children.plan = place_stages(
            self._settings.cpu, PLACED_STAGES, self._restart_policy.names
        )
        self._core = core = Core(
            region_name(self._data_directory),
            RingCapacities(**msgspec.structs.asdict(self._settings.rings)),
            self._eventfds,
        )
        self._children.send_spec(StageName.MATCHER)
        self._wait_ready(StageName.MATCHER)
        self._children.send_spec(StageName.JOURNALER)
        self._wait_ready(StageName.JOURNALER)
        facts = self._facts(core)
        self._control = control = ControlLoop(
            core,
            self._configuration,
            self._data_directory,
            facts,
            self._eventfds[StageName.MATCHER],
            self._clock,
        )
        control.begin()
        self._wait(control.settled, "control commands to be durable")
        # every instrument enters its phase by the clock before the first client connects
        self._wait(control.follow, "the events of the control commands")
        control.follow_schedule()
        self._wait(control.settled, "the schedule's commands to be durable")
        # from here on clients may connect; while a core restarts they wait to be accepted
        self._listeners.listen()
        self._restart_policy.begin()
        self._wait(self._restart_policy.ready, "order entry to be ready", patient=True)
        self._set_phase("running")
        addresses = self._listeners.addresses()
        log.info(
            "ready",
            extra={
                "fields": {
                    **addresses,
                    "day": control.day_number,
                    "start_ms": round((time.monotonic() - started_s) * 1000),
                }
            },
        )
        for line in ready_lines(addresses, self._data_directory):
            self._announce(line)
        if self._restart_policy.held():
            self._announce("first start: page, interfaces and feed answer once they are compiled")
        while not self._signals.stop:
            self._run_once()
        self._set_phase("stopping")
        supervision = self._settings.supervision
        self._service.stopping(supervision.stop_timeout_ms + supervision.kill_timeout_ms)
        self._stopping = True
        try:
            stop_gracefully(self._children, core, self._settings, self._wait)
        except CoreDied as death:
            # nothing that was not durable was acknowledged: the next start recovers the rest
            raise StageFailed(f"the core died while stopping: {death}") from None

    def _launch_all(self) -> None:
        try:
            for role in CORE_STAGES:
                self._children.launch(role)
            self._restart_policy.launch()
        except StageFailed as error:
            raise CoreDied(str(error)) from None  # no process to be had may pass

    def _facts(self, core: Core) -> EngineFacts:
        """What the matcher knows after recovery; from here on the daemon counts, too."""
        from exchange.daemon.counts import count_recovery
        from exchange.daemon.descriptor_watch import DescriptorWatch
        from exchange.recovery.facts import EngineFacts

        ready = self._children.stages[StageName.MATCHER].ready
        assert ready is not None
        facts = msgspec.json.decode(ready.facts, type=EngineFacts)
        count_recovery(core, facts)
        self._descriptor_watch = DescriptorWatch(core.region.arrays["counters"])
        return facts

    def _run_once(self) -> None:
        """One turn of the event loop while everything runs."""
        assert self._core is not None and self._control is not None
        assert self._descriptor_watch is not None
        self._core.heartbeat(time.monotonic_ns(), logs.lost_lines())
        stages = self._children.stages
        self._descriptor_watch.look({role: stage.pid for role, stage in stages.items()})
        control_due_s = self._control.work()
        if self._control.day_number != self._day_number:
            self._write_run_file()  # whoever reads the day reads it there
        # expiries are due at full seconds: wake up right after each begins
        interval_s = self._settings.supervision.status_interval_ms / 1000
        timeout_s = min(interval_s, self._control.until_next_second_s())
        if control_due_s is not None:
            timeout_s = min(timeout_s, control_due_s)
        if self._restart_due_s is not None:
            timeout_s = min(timeout_s, max(self._restart_due_s - time.monotonic(), 0))
        self._turn(timeout_s)

    def _kill_all(self) -> None:
        """Kill every stage, then remove the region of this core."""
        self._children.remove_all()
        if self._core is not None:
            self._core.close()
            self._core = None
        if self._control is not None:
            self._control.abandon()
            self._control = None
        for descriptor in self._eventfds.values():
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(descriptor)

    # --- the event loop -----------------------------------------------------------------------

    def _turn(self, timeout_s: float) -> None:
        """Wait at most ``timeout_s`` for events and handle them.

        Raises CoreDied; StageError when a stage ended with a status that a restart does not cure.
        """
        self._service.look(time.monotonic(), self._core if self._phase == "running" else None)
        if self._service.interval_s is not None:
            timeout_s = min(timeout_s, self._service.interval_s)
        for key, mask in self._selector.select(timeout_s):
            key.data(mask)
        if self._signals.take_reload():
            self._reload()
        for role in CORE_STAGES:
            stage = self._children.stages.get(role)
            status = None if stage is None else stage.exit_status()
            if status is None or (self._stopping and status == 0):
                continue
            if status in FATAL_STATUSES:
                raise StageError(self._children.last_message(role, status), ExitStatus(status))
            raise CoreDied(self._children.describe_exit(role))
        self._kill_hung()
        self._first_start.look()
        if not self._stopping:
            self._starter.begin()  # where it has died: the next stage that starts need not wait
            due_s = self._restart_policy.work()
            self._restart_due_s = None if due_s is None else time.monotonic() + due_s

    def _kill_hung(self) -> None:
        """Kill the stages whose heartbeat has stopped; the next turn handles their end."""
        if self._core is None:
            return
        stages = self._children.stages
        beats = self._core.heartbeats_of(filter(self._children.ready, stages))
        hung = self._watchdog.look(
            time.monotonic_ns(), beats, lambda role: read_process(stages[role].pid)
        )
        for role in hung:
            log.error(
                "%s hangs: no heartbeat for %g s; killing it",
                role,
                self._hang_timeout_ms / 1000,
            )
            self._hung_count += 1
            stages[role].kill()
            if role in CORE_STAGES:
                raise CoreDied(f"{role} hung")

    def _wait(
        self,
        condition: Callable[[], bool],
        what: str,
        deadline: float | None = None,
        *,
        patient: bool = False,
    ) -> None:
        """Turn until ``condition``. Without ``deadline`` a requested stop ends it.

        ``patient``: no limit of time here; ``RestartPolicy`` limits how long it may take.
        """
        starting = deadline is None
        if deadline is None:
            deadline = time.monotonic() + self._settings.supervision.start_timeout_ms / 1000
        while not condition():
            if starting and self._signals.stop:
                raise _StopRequested
            if not patient and time.monotonic() > deadline:
                kind = StageFailed if starting else StopTimedOut
                raise kind(f"timed out waiting for {what}")
            self._turn(SETTLE_POLL_S)

    def _wait_ready(self, role: StageName) -> None:
        """Wait until ``role`` is ready; each of its messages extends the time that it may take."""
        allowed_s = self._settings.supervision.start_timeout_ms / 1000
        stage = self._children.stages[role]
        while stage.ready is None:
            if self._signals.stop:
                raise _StopRequested
            if time.monotonic() - stage.last_message_s > allowed_s:
                raise StageFailed(f"{role} was not ready within {allowed_s:g} s")
            self._turn(1.0)
        log.info("%s ready", role, extra={"fields": {"child": stage.pid}})
        self._write_run_file()

    # --- status and requests ------------------------------------------------------------------

    def _set_phase(self, phase: str, patience_ms: int = 0) -> None:
        """``patience_ms``: how long the daemon lets it take without any progress; 0: no limit."""
        self._phase = phase
        self._service.phase(phase, patience_ms)
        self._write_run_file()

    def _write_run_file(self) -> None:
        restarts = self._restart_policy.restarts()
        if self._core is not None:
            from exchange.daemon.counts import count_restarts

            count_restarts(
                self._core, self._core_restarts.count, sum(restarts.values()), self._hung_count
            )
        if self._control is not None:
            self._day_number = self._control.day_number
        if self._phase == "running":
            self._service.running(self._day_number, self._core_restarts.count)
        addresses = self._listeners.addresses()
        self._run_file.write(
            phase=self._phase,
            name=self._settings.exchange.name,
            order_entry=addresses[ListenerName.ORDER_ENTRY],
            addresses=dict(addresses),
            day=self._day_number,
            restarts={"core": self._core_restarts.count} | restarts,
            stages=self._children.states(),
            compiling=self._restart_policy.held(),
        )

    def _reload(self) -> dict[str, Any]:
        self._configuration, answer = reload_files(self._configuration, self._load)
        self._children.update(self._configuration)
        if self._control is not None:
            self._control.reloaded(self._configuration)
        return answer

    def _handle_request(self, request: Request, client: Client) -> dict[str, Any] | None:
        """Answer one request of the control socket; None: the answer comes later."""
        if request.command == "stop":
            log.info("stop requested")
            self._signals.stop = True
            return {"ok": True}
        if request.command == "reload":
            return self._reload()
        if self._phase != "running" or self._control is None:
            return {"ok": False, "error": f"the exchange is {self._phase}"}
        answer = self._control.handle(
            request, client, lambda answer: self._control_socket.reply(client, answer)
        )
        if self._control.day_number != self._day_number:
            self._write_run_file()
        return answer
