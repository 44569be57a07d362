"""Replay tools: read a journal and an archive, rebuild, compare, export.

cli.py            ``exchange-replay``: its commands
arguments.py      ... and their arguments
show.py           commands or events, one a line
verify.py         replays the journal and compares with the archive
book.py           the book after a command
accounts.py       accounts after a command
stats.py          what is in a journal, counted
export.py         CSV, or JSON lines
operators.py      who has done what, why and with what outcome
source.py         commands and events of a data directory
shipped.py        ... with the segments that have left it
selection.py      which records are meant
directory.py      symbols, user names and currencies behind numbers
command_text.py   a command in words
event_text.py     an event in words
text.py           words for the numbers in records
state_check.py    whether a state is right, and whether two are equal
"""
