"""The account model: orders, fills, balances and positions from released events.

model.py          the model: what others call
ledger_model.py   the model with a ledger: what each balance came from
movements.py      the newest deposits and withdrawals
types.py          what it answers with
layout.py         its memory, word by word
sizes.py          where its tables begin, by their sizes
memory.py         that memory as a whole: made, dumped, loaded
enlarge.py        what a smaller one dumped, for a larger one
kernel/           the compiled part: applies events, looks things up
read.py           records as structures
rows.py           the fields of rows, for many records at once
order_status.py   the status of an order in words
"""
