"""The gRPC server: orders, execution reports and the market, in a process of its own.

proto/             the protocol
generate.py        compiles it
messages.py        its messages
convert.py         requests to what the order gateway takes, orders to messages
errors.py          REST's errors as statuses and trailing metadata
access.py          who asks, within which limits
parts.py           models, gateway and limits of the process
handlers.py        the frame of every call and stream
orders.py          OrderService
batches.py         the batches of its stream
reports.py         events as execution reports
report_service.py  ReportService
market.py          MarketService
lifecycle.py       start, ready, drain, stop

Decisions CON-40 to CON-44.
"""
