"""Shared-memory ring buffers, agents, idle strategies and counters. Knows nothing of orders."""

# First of all imports: it names the directory of compiled code, which numba reads when *it* is
# imported; otherwise compiled code would go beside the sources and outlive changes of constants.
import ringbuffer.jit  # noqa: F401
