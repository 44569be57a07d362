"""The engine's state from its files, at a start and for the replay tools.

rebuild.py            newest valid snapshot, then the journal
newer.py              what only a newer release understands
plan.py               what a start would do
snapshots.py          the snapshots, with what is wrong with each
snapshot_maker.py     makes one by replay, and verifies it
snapshot_schedule.py  when the next is due
archive_check.py      compares the events with the archive and completes it
facts.py              what the matcher knows after recovery, for the other stages
ledger.py             who owns what, from the event stream alone
"""
