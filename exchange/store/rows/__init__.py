"""Events and state as rows of the database, in the format of binary COPY.

encoder.py         from events to everything that one transaction writes
event_rows.py      ``order_events``, ``trades`` and definitions
event_kinds.py     what ``order_events`` says of each kind of event
event_details.py   details of events that are not about an order
state_rows.py      orders, accounts and positions after a batch
klines.py          K-lines
copy_format.py     columns of the tables, and rows as bytes
kernel.py          rows as bytes, jitted
texts.py           names of numbers
"""
