"""Order entry: SoupBinTCP 3.00 sessions and OUCH 4.2 messages.

order_entry.py       the agent
parameters.py        what can be configured of it
duty_cycle.py        its duty cycle, jitted
arrays.py            the arrays that the duty cycle works on
notices.py           what the duty cycle leaves for Python, jitted
connections.py       listening, opening and closing connections, waiting notices, counters, logs
session.py           connections and sessions as arrays, rates of messages
login.py             logins
password_checks.py   password checks in worker threads
passwords.py         hashes of passwords
intake.py            from the sockets to the ingress ring
decoder.py           frames to command records
decoder_stop.py      why the decoder stops, and what a client is told then
symbols.py           the table of stock symbols and price scales
symbol_lookup.py     looking up in it
delivery.py          from the event ring to the sockets
encoder.py           events to OUCH messages
output_buffers.py    room in the buffers of connections, and which have something to send
catch_up.py          connections that read what they missed
session_index.py     where a session's messages are in the event stream
idle.py              how the agent sleeps
protocol/            the packets of SoupBinTCP and the messages of OUCH
"""

# First of all imports: it names the directory of compiled code, which numba reads when *it* is
# imported; otherwise compiled code would go beside the sources and outlive changes of constants.
import ringbuffer.jit  # noqa: F401
