"""The compiled part of the market model: what each event does to its arrays, and look-ups in them.

follow.py   applies events
book.py     the levels of its books
rolling.py  figures of the last 24 hours

Everywhere here ``market`` is the MarketArrays of ``exchange/read_model/market/layout.py``, which
draws them: one-dimensional int64 arrays. ``row`` is an instrument's number in them, ``book`` is
2 x row + side (0 bids, 1 asks), ``at`` is the index of a record's first word. Prices are in minor
units of the instrument, quantities in units, times in ns of UTC.
"""
