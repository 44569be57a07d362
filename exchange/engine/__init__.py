"""The matcher: the single writer of all trading state."""

# First of all imports: it names the directory of compiled code, which numba reads when *it* is
# imported; otherwise compiled code would go beside the sources and outlive changes of constants.
import ringbuffer.jit  # noqa: F401
