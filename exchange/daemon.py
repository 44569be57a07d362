"""The daemon: supervisor of the stages and producer of control commands, in one thread.

Life of a core (``_run_core``): matcher recovers, journaler opens the journal, the control commands
that the journal lacks are applied, order entry opens its door, then the daemon waits. Policy:

    matcher or journaler dies          the whole core is killed at once and starts by recovery
    order entry dies                   it restarts alone
    a stage ends with its own status   (journal failed, corrupt, ...): everything stops with it
    too many restarts in a window      exit status RESTART_LIMIT_REACHED
    SIGTERM, SIGINT, `exchange stop`   graceful: ``_stop_gracefully``

Invariants: one daemon per data directory (lock); no stage outlives the daemon (each asks the kernel
for that); the region is removed whenever the daemon ends by itself.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import socket
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from exchange import logs
from exchange.control_socket import Client, ControlSocket, Request
from exchange.errors import (
    ExchangeError,
    ExitStatus,
    RestartLimitReached,
    StageFailed,
    StopTimedOut,
)
from exchange.listener import bind, choose_congestion_control, port_in_use
from exchange.process import (
    DataDirectoryLock,
    check_platform,
    notify_systemd,
    prepare_data_directory,
    watchdog_interval_s,
)
from exchange.run_file import RunFile, StageState
from exchange.settings import Configuration
from exchange.supervisor import Stage, StageMessage, StageSpec

if TYPE_CHECKING:
    from exchange.control_room import ControlRoom
    from exchange.core import Core
    from exchange.engine_facts import EngineFacts

log = logging.getLogger(__name__)

CORE_STAGES = ("matcher", "journaler")
STAGES = (*CORE_STAGES, "order_entry")
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
SETTLE_POLL_S = 0.001


class _CoreDied(Exception):
    """Matcher or journaler ended; the core must start again by recovery."""


class _OrderEntryDied(Exception):
    """Order entry ended while it was starting; it starts again alone."""


class _StopRequested(Exception):
    """A graceful stop was asked for while the core was starting."""


class _StageError(ExchangeError):
    """A stage ended with a status of its own, which becomes the daemon's."""

    def __init__(self, message: str, status: ExitStatus) -> None:
        super().__init__(message)
        self.status = status


class Daemon:
    """One run of the exchange on one data directory; ``run`` returns when it has stopped."""

    def __init__(
        self,
        configuration: Configuration,
        data_directory: Path,
        *,
        announce: Callable[[str], None],
        rebuild_archive: bool = False,
    ) -> None:
        """``announce`` is given a line for people when the exchange is ready.

        ``rebuild_archive``: replace archived events that the journal does not cause.
        """
        self._announce = announce
        self._rebuild_archive = rebuild_archive
        self._configuration = configuration
        self._settings = configuration.settings
        self._data_directory = data_directory
        self._stages: dict[str, Stage] = {}
        self._restarts: dict[str, deque[float]] = {"core": deque(), "order_entry": deque()}
        self._restart_counts = {"core": 0, "order_entry": 0}
        self._selector = selectors.DefaultSelector()
        self._stop = False
        self._stopping = False
        self._phase = "starting"
        self._core: Core | None = None
        self._control: ControlRoom | None = None
        self._day_number = 0
        self._watchdog_s = watchdog_interval_s()
        self._watchdog_due_s = 0.0

    # --- start and end ------------------------------------------------------------------------

    def run(self) -> None:
        """Run until told to stop. Raises ExchangeError; its status is the daemon's."""
        check_platform()
        self._data_directory = prepare_data_directory(self._data_directory)
        log_file = self._settings.log.file
        logs.configure(
            "daemon",
            self._settings.log.level,
            self._data_directory / log_file if log_file else None,
        )
        with contextlib.ExitStack() as stack:
            lock = DataDirectoryLock(self._data_directory)
            stack.callback(lock.release)
            stack.callback(self._selector.close)
            order_entry = self._settings.order_entry
            self._listener = stack.enter_context(bind(order_entry.host, order_entry.port))
            choose_congestion_control(self._listener, order_entry.congestion_control)
            self._run_file = RunFile(self._data_directory)
            stack.callback(self._run_file.remove)
            self._catch_signals(stack)
            self._control_socket = ControlSocket(
                self._data_directory, self._selector, self._handle_request
            )
            stack.callback(self._control_socket.close)
            self._eventfds = {
                name: os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
                for name in (*STAGES, "daemon")
            }
            for descriptor in self._eventfds.values():
                stack.callback(os.close, descriptor)
            try:
                self._compile()
                self._run_cores()
            except _StopRequested:
                log.info("stopped while starting")
            finally:
                notify_systemd("STOPPING=1")
                self._kill_all()
            log.info("stopped")

    def _catch_signals(self, stack: contextlib.ExitStack) -> None:
        reader, writer = socket.socketpair()
        for end in (reader, writer):
            end.setblocking(False)
            stack.callback(end.close)
        previous = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        stack.callback(signal.set_wakeup_fd, previous)

        def stop(number: int, frame: Any) -> None:
            self._stop = True

        for number in (signal.SIGTERM, signal.SIGINT):
            stack.callback(signal.signal, number, signal.signal(number, stop))

        def drain(mask: int) -> None:
            with contextlib.suppress(BlockingIOError):
                reader.recv(4096)

        self._selector.register(reader, selectors.EVENT_READ, drain)

    def _compile(self) -> None:
        from exchange.compile import is_compiled, run_compiler

        if not is_compiled():
            self._set_phase("compiling")
            if not run_compiler(lambda: self._stop):
                raise _StopRequested

    def _run_cores(self) -> None:
        while True:
            try:
                self._run_core()
                return
            except _CoreDied as death:
                log.error("core died: %s; restarting by recovery", death)
                self._kill_all()
                self._count_restart("core")

    def _count_restart(self, what: str) -> None:
        """Raises RestartLimitReached when ``what`` has been restarted too often."""
        window_s = self._settings.supervision.restart_window_ms / 1000
        now = time.monotonic()
        times = self._restarts[what]
        while times and times[0] < now - window_s:
            times.popleft()
        if len(times) >= self._settings.supervision.restart_limit:
            raise RestartLimitReached(
                f"{what} died {len(times) + 1} times within {window_s:g} s: giving up"
            )
        times.append(now)
        self._restart_counts[what] += 1

    # --- one core -----------------------------------------------------------------------------

    def _run_core(self) -> None:
        self._set_phase("recovering")
        started_s = time.monotonic()
        for role in STAGES:
            self._launch(role)
        # imported while the stages import: the compiler's packages take most of a second
        from exchange.control_room import ControlRoom
        from exchange.core import Core, RingCapacities, region_name
        from exchange.placement import place_stages

        rings = self._settings.rings
        self._plan = place_stages(self._settings.cpu, STAGES)
        self._core = core = Core(
            region_name(self._data_directory),
            RingCapacities(
                ingress_control=rings.ingress_control,
                ingress_order_entry=rings.ingress_order_entry,
                commands=rings.commands,
                events=rings.events,
            ),
            self._eventfds,
        )
        self._tell("matcher")
        self._wait_ready("matcher")
        self._tell("journaler")
        self._wait_ready("journaler")
        facts = self._facts()
        self._count_recovery(facts)
        self._control = control = ControlRoom(
            core, self._configuration, self._data_directory, facts, self._eventfds["matcher"]
        )
        control.begin()
        self._wait(control.settled, "control commands to be durable")
        # every instrument is in the phase that the clock says before the first client comes
        self._wait(control.follow, "the events of the control commands")
        control.follow_schedule()
        self._wait(control.settled, "the schedule's commands to be durable")
        self._listen()
        self._start_order_entry()
        self._set_phase("running")
        host, port = self._listener.getsockname()[:2]
        log.info(
            "ready",
            extra={
                "fields": {
                    "order_entry": f"{host}:{port}",
                    "day": control.day_number,
                    "start_ms": round((time.monotonic() - started_s) * 1000),
                }
            },
        )
        self._announce(
            f"ready: order entry (SoupBinTCP 3.00, OUCH 4.2) listens on {host}:{port}; "
            f"control socket and data in {self._data_directory}"
        )
        notify_systemd("READY=1")
        while not self._stop:
            self._run_once()
        self._stop_gracefully()

    def _facts(self) -> EngineFacts:
        from exchange.engine_facts import EngineFacts

        ready = self._stages["matcher"].ready
        assert ready is not None
        return msgspec.json.decode(ready.facts, type=EngineFacts)

    def _listen(self) -> None:
        """From here on clients may connect; while a core restarts they wait to be accepted."""
        section = self._settings.order_entry
        try:
            self._listener.listen(section.listen_backlog)
        except OSError as error:
            raise port_in_use(section.host, section.port, error) from None

    def _count_recovery(self, facts: EngineFacts) -> None:
        from exchange.counters import Counter
        from ringbuffer.counters import set_value

        assert self._core is not None
        counters = self._core.region.arrays["counters"]
        for counter, value in (
            (Counter.RECOVERED_COMMANDS, facts.replayed_commands),
            (Counter.RECOVERED_EVENTS, facts.replayed_events),
            (Counter.RECOVERY_DURATION_NS, facts.duration_ns),
            (Counter.RECOVERY_SNAPSHOT_SEQUENCE, facts.snapshot_sequence),
            (Counter.RECOVERY_TORN_BYTES, int(facts.recovery["torn_bytes"] or 0)),
            (Counter.CORE_RESTARTS, self._restart_counts["core"]),
            (Counter.STAGE_RESTARTS, self._restart_counts["order_entry"]),
        ):
            set_value(counters, int(counter), value)

    def _run_once(self) -> None:
        """One turn while everything runs."""
        assert self._core is not None and self._control is not None
        self._core.heartbeat(time.monotonic_ns())
        look_again_s = self._control.work()
        # the expiry seconds are full seconds: look right after each begins
        interval_s = self._settings.supervision.status_interval_ms / 1000
        timeout_s = interval_s - time.time() % interval_s
        if look_again_s is not None:
            timeout_s = min(timeout_s, look_again_s)
        self._turn(timeout_s)
        if "order_entry" in self._stages and self._ended("order_entry"):
            self._restart_order_entry()

    def _start_order_entry(self) -> None:
        """Tell order entry, which has been launched, to begin; again and again if it dies."""
        while True:
            try:
                self._tell("order_entry")
                self._wait_ready("order_entry")
                return
            except _OrderEntryDied:
                self._replace_order_entry()

    def _replace_order_entry(self) -> None:
        log.error("order entry died: %s; restarting it alone", self._death("order_entry"))
        self._remove("order_entry")
        self._count_restart("order_entry")
        self._launch("order_entry")

    def _restart_order_entry(self) -> None:
        self._set_phase("restarting order entry")
        self._replace_order_entry()
        self._start_order_entry()
        self._set_phase("running")

    # --- graceful stop ------------------------------------------------------------------------

    def _stop_gracefully(self) -> None:
        """Stop intake, let everything be applied, durable, released and delivered, then end."""
        from exchange import pipeline
        from exchange.control import ingress_empty, settled

        assert self._core is not None
        self._set_phase("stopping")
        notify_systemd("STOPPING=1")
        self._stopping = True
        core = self._core
        deadline = time.monotonic() + self._settings.supervision.stop_timeout_ms / 1000
        rings = (pipeline.INGRESS_CONTROL, pipeline.INGRESS_ORDER_ENTRY)
        cursors = core.cursors

        def drained() -> bool:
            return ingress_empty(cursors, rings) and settled(cursors)

        core.set_word(pipeline.STOP_INTAKE, 1)
        try:
            # order entry ends when all that it has read is answered and its clients are told
            self._wait_stages_end(("order_entry",), deadline)
            self._wait(drained, "everything to be durable and released", deadline)
            core.set_word(pipeline.STOP, 1)
            self._wait_stages_end(CORE_STAGES, deadline)
        except _CoreDied as death:
            # nothing that was not durable was acknowledged: the next start recovers the rest
            raise StageFailed(f"the core died while stopping: {death}") from None

    def _wait_stages_end(self, roles: tuple[str, ...], deadline: float) -> None:
        self._wait(
            lambda: all(role not in self._stages or self._ended(role) for role in roles),
            f"{' and '.join(roles)} to end",
            deadline,
        )
        for role in roles:
            if role in self._stages:
                status = self._stages[role].exit_status()
                if status != 0:
                    log.error("%s: %s", role, self._death(role))
                self._remove(role)

    # --- stages -------------------------------------------------------------------------------

    def _launch(self, role: str) -> None:
        inherited = list(self._eventfds.values())
        if role == "order_entry":
            inherited.append(self._listener.fileno())
        stage = Stage(role, inherited)
        self._stages[role] = stage
        self._selector.register(
            stage.messages_descriptor, selectors.EVENT_READ, lambda mask: self._hear(stage)
        )
        self._selector.register(stage.pidfd, selectors.EVENT_READ, lambda mask: self._end(stage))

    def _tell(self, role: str) -> None:
        from exchange.core import region_name

        placed = self._plan[role]
        matcher = self._stages.get("matcher")
        self._stages[role].tell(
            StageSpec(
                role=role,
                configuration=self._configuration,
                data_directory=str(self._data_directory),
                region=region_name(self._data_directory),
                eventfds=self._eventfds,
                listener=self._listener.fileno() if role == "order_entry" else -1,
                cpus=list(placed.cpus or ()),
                idle=placed.idle,
                rebuild_archive=self._rebuild_archive,
                facts=matcher.ready.facts if matcher and matcher.ready else msgspec.Raw(b"null"),
            )
        )
        self._write_run_file()

    def _hear(self, stage: Stage) -> None:
        for message in stage.hear():
            self._log_message(stage, message)

    def _log_message(self, stage: Stage, message: StageMessage) -> None:
        if message.kind == "progress":
            log.info("%s: %s", stage.role, message.text)
            notify_systemd(f"STATUS={stage.role}: {message.text}\nEXTEND_TIMEOUT_USEC=30000000")

    def _end(self, stage: Stage) -> None:
        """A pidfd became readable: the stage has ended. Policy follows in ``_turn``."""
        with contextlib.suppress(KeyError):
            self._selector.unregister(stage.pidfd)
        with contextlib.suppress(KeyError):
            self._selector.unregister(stage.messages_descriptor)
        self._hear(stage)

    def _ended(self, role: str) -> bool:
        return self._stages[role].exit_status() is not None

    def _death(self, role: str) -> str:
        stage = self._stages[role]
        stage.hear_rest()
        status = stage.exit_status()
        if status is not None and status < 0:
            return f"{role} (pid {stage.pid}) was killed by signal {-status}"
        text = f": {stage.fatal.text}" if stage.fatal else ""
        return f"{role} (pid {stage.pid}) ended with status {status}{text}"

    def _remove(self, role: str) -> None:
        stage = self._stages.pop(role)
        for descriptor in (stage.pidfd, stage.messages_descriptor):
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(descriptor)
        stage.close()

    def _kill_all(self) -> None:
        """Kill every stage, then remove the region: nothing of this core is left."""
        for role in list(self._stages):
            self._remove(role)
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
        """Wait for anything at most ``timeout_s`` and handle it.

        Raises _CoreDied; _StageError when a stage ended with a status that a restart cannot help.
        """
        if self._watchdog_s is not None:
            timeout_s = min(timeout_s, self._watchdog_s)
            if time.monotonic() >= self._watchdog_due_s:
                notify_systemd("WATCHDOG=1")
                self._watchdog_due_s = time.monotonic() + self._watchdog_s
        for key, mask in self._selector.select(timeout_s):
            key.data(mask)
        for role, stage in self._stages.items():
            status = stage.exit_status()
            if status is None or (self._stopping and status == 0):
                continue
            if status in FATAL_STATUSES:
                raise _StageError(self._reason(stage, status), ExitStatus(status))
            if role in CORE_STAGES:
                raise _CoreDied(self._death(role))

    def _reason(self, stage: Stage, status: int) -> str:
        stage.hear_rest()
        return f"{stage.role}: {stage.fatal.text if stage.fatal else f'ended with status {status}'}"

    def _wait(
        self, condition: Callable[[], bool], what: str, deadline: float | None = None
    ) -> None:
        """Turn until ``condition``. Without ``deadline`` a requested stop ends it."""
        starting = deadline is None
        if deadline is None:
            deadline = time.monotonic() + self._settings.supervision.start_timeout_ms / 1000
        while not condition():
            if starting and self._stop:
                raise _StopRequested
            if time.monotonic() > deadline:
                kind = StageFailed if starting else StopTimedOut
                raise kind(f"timed out waiting for {what}")
            self._turn(SETTLE_POLL_S)

    def _wait_ready(self, role: str) -> None:
        """Wait until ``role`` is ready; every sign of life extends the time that it may take."""
        allowed_s = self._settings.supervision.start_timeout_ms / 1000
        while self._stages[role].ready is None:
            if self._stop:
                raise _StopRequested
            if self._ended(role):
                self._stages[role].hear_rest()
                if self._stages[role].ready is not None:
                    break
                self._turn(0)
                kind = _CoreDied if role in CORE_STAGES else _OrderEntryDied
                raise kind(self._death(role))
            if time.monotonic() - self._stages[role].last_sign_s > allowed_s:
                raise StageFailed(f"{role} was not ready within {allowed_s:g} s")
            self._turn(1.0)
        log.info("%s ready", role, extra={"fields": {"child": self._stages[role].pid}})
        self._write_run_file()

    # --- what others may see and ask ----------------------------------------------------------

    def _set_phase(self, phase: str) -> None:
        self._phase = phase
        self._write_run_file()

    def _write_run_file(self) -> None:
        if self._control is not None:
            self._day_number = self._control.day_number
        host, port = self._listener.getsockname()[:2]
        self._run_file.write(
            phase=self._phase,
            name=self._settings.exchange.name,
            order_entry=f"{host}:{port}",
            day=self._day_number,
            restarts=dict(self._restart_counts),
            stages={
                role: StageState(
                    pid=stage.pid,
                    cpus=stage.cpus,
                    ready=stage.ready is not None,
                    started=stage.started_s,
                )
                for role, stage in self._stages.items()
            },
        )

    def _handle_request(self, request: Request, client: Client) -> dict[str, Any] | None:
        """Answer one request of the control socket; None: the answer comes later."""
        if request.command == "stop":
            log.info("stop requested")
            self._stop = True
            return {"ok": True}
        if self._phase != "running" or self._control is None:
            return {"ok": False, "error": f"the exchange is {self._phase}"}
        answer = self._control.handle(
            request, client, lambda answer: self._control_socket.reply(client, answer)
        )
        if self._control.day_number != self._day_number:
            self._write_run_file()
        return answer
