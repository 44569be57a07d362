"""Order entry: SoupBinTCP 3.00 sessions and OUCH 4.2 messages.

order_entry.py       the agent
parameters.py        what can be configured of it
duty_cycle.py        its duty cycle, jitted
arrays.py            the arrays that the duty cycle works on
connections.py       accepting and closing connections, counters, logs
session.py           connections and sessions as arrays
login.py             logins
password_checks.py   password checks in worker threads
passwords.py         hashes of passwords
intake.py            from the sockets to the ingress ring
decoder.py           frames to command records
symbols.py           stock symbols to instruments
delivery.py          from the event ring to the sockets
encoder.py           events to OUCH messages
catch_up.py          connections that read what they missed
session_index.py     where a session's messages are in the event stream
idle.py              how the agent sleeps
explain.py           malformed bytes in words
soupbintcp.py        the packets of SoupBinTCP
ouch.py              the messages of OUCH
wire.py              unaligned loads and stores
"""

# First of all imports: it names the directory of compiled code, which numba reads when *it* is
# imported; otherwise compiled code would go beside the sources and outlive changes of constants.
import ringbuffer.jit  # noqa: F401
