"""``exchange admin``: what operators do, from a second terminal.

parser.py  the commands and their arguments
words.py   parameters in people's units: percent, basis points, currency units
names.py   symbols, user names and codes behind numbers, asked of the running daemon
send.py    commands: one record to the daemon, answered when it is durable
look.py    shows and lists: from the journal, also while no exchange runs
"""
