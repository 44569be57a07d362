"""What Prometheus sees: ``/metrics`` on the port of ``[health]``.

Who uses it: the process api, which serves it. Counters and histograms are read from the core's
shared memory when somebody asks; nothing is added to the hot path.

collector.py     every metric, made from what follows when Prometheus asks
catalogue.py     the name and the text of each counter of the shared memory
event_counts.py  what the released events add up to: cancels, volume, rejects by reason
throughput.py    commands a second, over the last seconds

Decision MET-1.
"""
