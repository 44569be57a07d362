"""Which signals a process of the exchange ignores, and which ask it to stop.

Who uses it: every process that lives long, once at its start. A signal that nobody expects (a
closed terminal, a supervisor's USR1, a timer that a tool left behind) ends a process by default, or
stops it without a word; none of them may do that to an exchange.

Decision SUR-2.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable

# each asks for a graceful stop; SIGPWR: the machine's power is about to fail
STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGPWR)
# each would end or stop a process that does not know it. SIGHUP is not among them: it has a meaning
HARMLESS = (
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
    signal.SIGVTALRM,
    signal.SIGPROF,
    signal.SIGIO,
    signal.SIGSTKFLT,
    signal.SIGXCPU,
    signal.SIGXFSZ,
    signal.SIGPIPE,
    signal.SIGTSTP,  # Ctrl-Z in the terminal would stop the trading
    signal.SIGTTIN,
    signal.SIGTTOU,
    *range(signal.SIGRTMIN, signal.SIGRTMAX + 1),
)


def ignore(numbers: Iterable[int]) -> None:
    """Ignore these signals from now on; a program that this process starts ignores them too."""
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)
