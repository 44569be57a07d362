"""The matcher: the single writer of all trading state.

sequencer.py   the agent: takes commands, gives them their sequence, has them applied
matcher.py     applies one command to the state
prefetch.py    asks for memory before commands need it
orders/        what a client's command does
control/       what an operator's command does
book/          levels, orders, stops, expiry
money/         accounts, positions, clearing
state/         tables, pointers, events, snapshots
invariants/    what must hold between two commands
"""

# First of all imports: it names the directory of compiled code, which numba reads when *it* is
# imported; otherwise compiled code would go beside the sources and outlive changes of constants.
import ringbuffer.jit  # noqa: F401
