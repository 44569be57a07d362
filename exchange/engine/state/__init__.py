"""What the matcher keeps and emits.

layout.py           the arrays of the state
memory.py           raw words of arrays, for inner loops
pointers.py         state, rings and cursors of one call, as pointers
events.py           emitting events of orders
control_events.py   emitting the other events
chain_hash.py       the hash over all events
trading_states.py   states of instruments and of the market
snapshot.py         the whole state in a file
"""
