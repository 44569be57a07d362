"""What the daemon does while not everything is compiled: trading waits, the interfaces follow.

Who uses it: the daemon's one thread, once before its first core and then on every turn.

Decision PKG-8.
"""

from __future__ import annotations

import logging
import selectors
from collections.abc import Callable

from exchange.daemon.compiler_process import CompilerProcess
from exchange.daemon.restart_policy import RestartPolicy

log = logging.getLogger(__name__)


class FirstStart:
    """Holds the stages outside the core back until the compiler has what they need."""

    def __init__(self, selector: selectors.BaseSelector, policy: RestartPolicy) -> None:
        self._selector = selector
        self._policy = policy
        self._compiler: CompilerProcess | None = None

    def compile(self, begins: Callable[[], None], cancelled: Callable[[], bool]) -> bool:
        """Wait until trading is compiled; the compiler may go on with the rest. False: cancelled.

        ``begins`` is called when there is something to wait for. Raises StageFailed.
        """
        # with the compiler's packages: most of a second, in which the fork server imports them too
        from exchange.compiler.stamps import Part, is_compiled

        if is_compiled(Part.ALL):
            return True
        self._compiler = CompilerProcess(self._selector)
        self._policy.hold()
        if is_compiled(Part.TRADING):
            return True
        begins()
        return self._compiler.wait_for_trading(cancelled)

    def look(self) -> None:
        """Start the stages that wait for compiled code as soon as there is some.

        Should the compiler have failed, each compiles for itself.
        """
        if self._compiler is None:
            return
        failure = self._compiler.failure
        if failure is not None:
            log.error("%s; the interfaces compile what they need themselves", failure)
        elif not self._compiler.finished:
            return
        self.close()
        self._policy.let_go()

    def close(self) -> None:
        """End the compiler. Idempotent."""
        if self._compiler is not None:
            self._compiler.close()
            self._compiler = None
