"""Agents: a stage is an object with a bounded duty cycle; a runner pins, loops, stops, reports.

Who uses it: the entry point of every stage builds an agent and an idle strategy and hands them to
an ``AgentRunner``. The vocabulary is Agrona's (agent, duty cycle, idle strategy).

Decisions CTL-6, RNG-1 and MET-3.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol, cast, runtime_checkable

import numpy as np
import psutil

from ringbuffer.counters import COUNTER_STRIDE, IdleTime
from ringbuffer.idle import IdleStrategy

EXIT_OK = 0
EXIT_BUG = 1  # as Python's own status for an exception that nobody caught
DEFAULT_LIMIT = 1024
DEFAULT_SPINS = 0


@runtime_checkable
class Agent(Protocol):
    """A stage. Its name, and what the runner calls, all in one thread."""

    name: str

    def on_start(self) -> None:
        """Once, before the first duty cycle."""

    def do_work(self, limit: int) -> int:
        """One bounded duty cycle over at most ``limit`` records; how much was done, 0 = nothing.

        Returns within milliseconds: signals wait for it.
        """

    def on_close(self) -> None:
        """Once, at the end, also when ``on_start`` or ``do_work`` raised."""


class ServingAgent(Agent, Protocol):
    """An agent that can also sleep by itself, in compiled code."""

    def serve(self, limit: int, timeout_ms: int) -> int:
        """Duty cycles and sleeps without the interpreter; the work done.

        Returns within milliseconds of work, after a sleep of at most ``timeout_ms`` that nobody
        ended, when a signal came, and at once when there is something that only ``do_work`` does.
        Must end when told to stop as a blocking idle strategy would.
        """


def pin(cpus: Sequence[int]) -> None:
    """Pin this process to ``cpus``. Raises OSError or ValueError for CPUs that it may not use."""
    psutil.Process().cpu_affinity(list(cpus))


class AgentRunner:
    """Runs one agent until it is told to stop.

    ``should_stop`` is asked only while there is no work, so whatever was published before the stop
    is done first. ``spins``: empty duty cycles in a row before a strategy that blocks is asked to.
    ``idle_time`` counts how long the agent waits for work where it does not count that itself.
    ``serve_timeout_ms``: the agent is a ``ServingAgent`` and, where the strategy blocks, sleeps by
    itself for at most this long.
    """

    def __init__(
        self,
        agent: Agent,
        idle: IdleStrategy,
        *,
        cpus: Sequence[int] | None = None,
        limit: int = DEFAULT_LIMIT,
        spins: int = DEFAULT_SPINS,
        serve_timeout_ms: int | None = None,
        should_stop: Callable[[], bool] | None = None,
        exit_status: Callable[[Exception], int] | None = None,
        logger: logging.Logger | None = None,
        idle_time: IdleTime | None = None,
    ) -> None:
        self._agent = agent
        self._idle = idle
        self._cpus = list(cpus) if cpus else None
        self._limit = limit
        self._spins = spins
        self._serve_timeout_ms = serve_timeout_ms
        self._should_stop = should_stop
        self._exit_status = exit_status
        self._log = logger or logging.getLogger(__name__)
        self._idle_time = idle_time or IdleTime(np.zeros(COUNTER_STRIDE, np.int64), 0)
        self._stopped = False

    def stop(self) -> None:
        """End the loop after the duty cycle that is under way; also from a signal handler."""
        self._stopped = True
        self._idle.interrupt()

    def run(self) -> int:
        """Pin, start, loop, close. Returns an exit status: 0, or non-zero after an error.

        An exception is logged with its traceback; its status is ``exit_status(error)`` or 1.
        """
        status = EXIT_OK
        try:
            if self._cpus is not None:
                pin(self._cpus)
            self._agent.on_start()
            if self._serve_timeout_ms is not None and self._idle.blocks:
                self._serve(cast(ServingAgent, self._agent), self._serve_timeout_ms)
            else:
                self._loop()
        except Exception as error:
            status = self._failed("failed", error)
        try:
            self._agent.on_close()
        except Exception as error:
            # The first failure names the cause: its status stands.
            status = status or self._failed("failed to close", error)
        return status

    def _failed(self, what: str, error: Exception) -> int:
        self._log.critical("agent %s %s: %s", self._agent.name, what, error, exc_info=error)
        status = EXIT_BUG if self._exit_status is None else self._exit_status(error)
        return status or EXIT_BUG

    def _stops(self) -> bool:
        return self._stopped or (self._should_stop is not None and self._should_stop())

    def _serve(self, agent: ServingAgent, timeout_ms: int) -> None:
        """The loop of an agent that sleeps by itself: one look of the interpreter between calls."""
        while not self._stopped:
            if agent.do_work(self._limit):
                continue
            if self._should_stop is not None and self._should_stop():
                return
            if not agent.serve(self._limit, timeout_ms):
                self._sleep_once()

    def _sleep_once(self) -> None:
        """The idle strategy's way to sleep; what ``serve`` left alone is looked at before."""
        idle = self._idle
        idle.prepare()
        try:
            if not self._agent.do_work(self._limit) and not self._stops():
                self._wait()
        finally:
            idle.resume()

    def _wait(self) -> None:
        self._idle_time.began(time.monotonic_ns())
        try:
            self._idle.wait()
        finally:
            self._idle_time.ended(time.monotonic_ns())

    def _loop(self) -> None:
        agent, idle, limit = self._agent, self._idle, self._limit
        idle_time = self._idle_time
        empty = 0
        empty_ns = 0  # end of the latest empty duty cycle of a strategy that does not block
        while not self._stopped:
            if agent.do_work(limit):
                if empty and not idle.blocks:
                    # the cycle that found work began where the empty one before it ended
                    idle_time.ended(empty_ns)
                empty = 0
                continue
            if self._should_stop is not None and self._should_stop():
                return
            empty += 1
            if not idle.blocks:
                idle.wait()
                empty_ns = time.monotonic_ns()
                if empty == 1:
                    idle_time.began(empty_ns)
            elif empty > self._spins:
                idle.prepare()
                try:
                    # The look after the announcement, also for a stop: without it a wake-up could
                    # be lost.
                    if not agent.do_work(limit) and not self._stops():
                        self._wait()
                finally:
                    idle.resume()
                empty = 0
