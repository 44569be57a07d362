"""What Prometheus sees: ``/metrics`` on the port of ``[metrics]``.

Who uses it: the process api, which serves it. Counters and histograms are read from the core's
shared memory when somebody asks; nothing is added to the hot path.

collector.py     every metric, made from what follows when Prometheus asks
catalogue.py     the name and the text of each counter of the shared memory
event_counts.py  what the released events add up to: cancels, volume, rejects by reason
processes.py     of each process: ready, alive, busy and idle time, processor and memory
consumers.py     how far each reader of released events is behind, in events and seconds
certificates.py  until when the proxy's certificates are valid
throughput.py    commands a second, over the last seconds

Decision MET-1.
"""
