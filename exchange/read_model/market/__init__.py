"""The market model: books, trades, candles and tickers from released events."""
