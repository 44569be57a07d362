"""What the matcher keeps and emits.

layout.py           the arrays of the state, and where each field of a row lies
create.py           an empty state
enlarge.py          a larger state of a smaller one
fields.py           makes what reads and writes one field of a row
rows.py             every field of every row by name
commands.py         every field of a command by name
defined.py          whether a number names something
memory.py           raw words of arrays, for inner loops
functions.py        the functions that are called by address
pointers.py         state, rings and cursors of one call, as pointers
events.py           emitting events of orders
control_events.py   emitting the other events
chain_hash.py       the hash over all events
trading_states.py   states of instruments and of the market
snapshot.py         the whole state in a file
"""
