"""Trades, and more by choice, into topics of Kafka.

sink.py          the sink: one transaction a batch, with the position in it
client.py        settings of the clients, their logs, and what their errors mean
topics.py        the topics: whether they are there, and made where that is allowed
position.py      where the records of each topic end
streams.py       what each topic has
order_events.py  events of orders as records
candles.py       one-minute candles as records
checking.py      what the topics hold, compared with the archive

Decisions CON-10 to CON-13.
"""
