"""Postgres: what the released events say, as rows.

publisher.py     writes released events, each once
connection.py    one connection to Postgres
postgres.py      the embedded server
binaries.py      its programs
schema.py        brings the tables up to date
migrations/      ... by these numbered files
partitions.py    monthly partitions
rows/            events and state as rows
checkpoints.py   the account model at a place of the event stream
errors.py        what can go wrong with Postgres
cli.py           ``exchange store``
rebuild.py       ``exchange store rebuild``
check.py         ``exchange store check``
compare.py       rows that differ, in words
offline.py       the publisher without a daemon
"""
