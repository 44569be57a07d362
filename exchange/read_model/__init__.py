"""Read models: the market's public side and the accounts, as the released events tell them.

Who uses it: the API, the feed workers and the store. Events are their only input: they read no
clock and no configuration, so the same events give the same answers, in whatever pieces they
arrive. ``accounts/`` and ``market/`` are shells in Python; their folders ``kernel/`` are compiled.

    checkpoint.py   the models in files, so that a start need not read every event
    market/         the public side: books, trades, candles, tickers
    accounts/       orders, fills, balances, positions
"""
