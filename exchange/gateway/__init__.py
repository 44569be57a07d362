"""Order entry: SoupBinTCP 3.00 sessions and OUCH 4.2 messages."""

# First of all imports: it names the directory of compiled code, which numba reads when *it* is
# imported; otherwise compiled code would go beside the sources and outlive changes of constants.
import ringbuffer.jit  # noqa: F401
