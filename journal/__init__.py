"""Write-ahead journal and event archive: segments, frames, group commit, recovery.

journaler.py   the agent: makes commands durable, archives events, releases them
writer.py      writes frames
reader.py      reads a journal, also while it is written
recovery.py    what to do with the journal of a stopped process
archive.py     every released event at a place known by arithmetic
segment.py     makes, opens and lists segment files
layout.py      the layouts of segments
frames.py      checks and copies frames, jitted
retention.py   removes old segments
xxh64.py       the checksum
errors.py      what can go wrong
"""
