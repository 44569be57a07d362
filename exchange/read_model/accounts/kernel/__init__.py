"""The compiled part of the account model: what each event does to its memory, and look-ups in it.

apply.py         applies events
definitions.py   ... that are not about an order
orders.py        ... about an order
trades.py        TRADE
money.py         fees, freezing, settlement, positions
lists.py         indexes and lists of the records
words.py         fields and halves of words
find.py          finds orders and pages of orders and fills
rows.py          many records as rows of an array
prefetch.py      asks for memory before events need it

Everywhere here ``memory`` is the int64 array that ``exchange/read_model/accounts/layout.py`` draws.
``order``, ``position``, ``balance``, ``trade`` and every name that ends in ``_row`` are addresses
in it: the index of a record's first word, 0 for none. ``account``, ``instrument``, ``session`` and
``currency`` are numbers. ``events`` are EVENT records as int64 words, ``event`` is the index of the
first word of one. All integers are int64, times are ns of UTC, prices and quantities are in the
instrument's units, money is in the currency's minor unit.
"""
