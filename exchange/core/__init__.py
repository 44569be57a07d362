"""The core's shared memory: cursors, region and counters; who writes commands, reads events.

stage_names.py     the names of the stages
pipeline.py        cursors and flags: which word is whose
region.py          the region with all sections
counters.py        the registry of counters and histograms
clock_state.py     how days and phases stand to the wall clock
capacity.py        how much the matcher can hold
producer.py        writes commands into an ingress ring, from Python
event_archive.py   what readers need of the archive
follower.py        reads released events without gating the ring
"""
