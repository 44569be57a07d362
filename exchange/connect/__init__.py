"""Connectors: released events into other systems, and orders out of them.

connector.py   the loop that every sink shares: each event once, whatever dies
sink.py        what it needs of another system
directory.py   the names behind the numbers in events
trades.py      trades as the records that other systems get
trade_text.py  ... written without the interpreter, jitted
registry.py    which code belongs to which connector
checking.py    what another system holds, compared with the archive
cli.py         ``exchange connect``
rabbitmq/      RabbitMQ: trades and reports out, orders in
schemas/       JSON schemas of the records
kafka/         trades, and more by choice, into topics of Kafka
redis/         a cache of the exchange in Redis
callback/      calls a gRPC service of the user's for each match
grpc/          the gRPC server: orders, reports and the market

Decisions CON-1 and CON-2.
"""
