"""The account model: orders, fills, balances and positions from released events.

model.py          the model: what others call
types.py          what it answers with
layout.py         its memory, word by word
memory.py         that memory as a whole: made, dumped, loaded
apply.py          applies events
definitions.py    ... that are not about an order
orders.py         ... about an order
trades.py         TRADE
money.py          fees, freezing, settlement, positions
lists.py          indexes and lists of the records
find.py           finds orders and pages of orders and fills
read.py           records as structures
rows.py           many records as rows of an array
order_status.py   the status of an order in words
prefetch.py       asks for memory before events need it
"""
