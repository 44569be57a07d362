"""A thread that does one thing at a time for a caller that must not wait for it.

Who uses it: the publisher of the store and the connectors, whose loops tell the daemon that they
live while another system takes its time. The embedded Postgres is started in this thread and lives
as long.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any


class Job:
    """One call that the worker makes; ``done`` is set when its result or its error is there."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self._done = threading.Event()
        self._result: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """Make the call (the worker's thread)."""
        try:
            self._result = self._call()
        except BaseException as error:
            self._error = error
        finally:
            self._done.set()

    @property
    def done(self) -> bool:
        return self._done.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end of the call; whether it has come."""
        return self._done.wait(timeout_s)

    def result(self) -> Any:
        """The result of the call; raises what the call raised. Only when it is done."""
        assert self.done
        if self._error is not None:
            raise self._error
        return self._result


class Worker:
    """The thread. It must be closed; a call that hangs does not keep the process from ending."""

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.run()

    def submit(self, call: Callable[[], Any]) -> Job:
        """Have ``call`` made after those before it."""
        job = Job(call)
        self._jobs.put(job)
        return job

    def close(self, timeout_s: float) -> bool:
        """End the thread after the calls that were submitted; whether it has ended in time."""
        self._jobs.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()
