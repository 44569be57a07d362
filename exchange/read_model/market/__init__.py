"""The market model: books, trades, candles and tickers from released events.

model.py     the model: what others call
types.py     what it answers with
layout.py    its memory, word by word
kernel/      the compiled part: applies events, keeps the books
changes.py   what has changed since the last question
dump.py      its memory in a checkpoint
"""
