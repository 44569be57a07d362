"""Shared-memory ring buffers, agents, idle strategies and counters. Knows nothing of orders.

region.py         one block of shared memory with all arrays
ring.py           a ring: producer, gating consumer, non-gating reader
atomics.py        loads, stores and fences
agent.py          a loop with bounded work
idle.py           how it sleeps, and how it is woken
counters.py       counters and histograms
cpu_plan.py       which stage runs on which CPU
prefault.py       maps memory before it is needed
system_calls.py   libc from jitted code
jit/              the decorators of every jitted function, and where compiled code is kept
errors.py         errors of this package
"""

# First of all imports: it names the directory of compiled code, which numba reads when *it* is
# imported; otherwise compiled code would go beside the sources and outlive changes of constants.
import ringbuffer.jit  # noqa: F401
