"""What the released events say, ready to be asked: the market's public side and the accounts.

Who uses it: the API, the feed workers and the store. Events are the only input, no clock and no
configuration is: the same events give the same answers, in whatever pieces they arrive.

    checkpoint.py   the models in files, so that a start need not read every event
    market/         the public side: books, trades, candles, tickers
    accounts/       orders, fills, balances, positions
"""
