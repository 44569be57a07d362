"""Write-ahead journal and event archive: segments, frames, group commit, recovery.

journaler.py        the agent: makes commands durable, archives events, releases them
duty_cycle.py       its duty cycle, jitted
writer.py           the open segment of the journal, and its successor
commit.py           writes one frame and makes it durable, jitted
reader.py           reads a journal, also while it is written
recovery.py         what to do with the journal of a stopped process
archive_writer.py   appends every released event at a place known by arithmetic
archive_reader.py   reads them
archive_records.py  appends from a ring, sees which are there, jitted
segment.py          makes, opens and lists segment files
layout.py           the layouts of segments
frames.py           checks and copies frames, jitted
xxh64.py            the checksum
errors.py           what can go wrong
"""
