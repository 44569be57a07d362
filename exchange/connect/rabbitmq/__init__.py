"""RabbitMQ: trades and execution reports out, with publisher confirms.

broker.py            a connection, what is wrong with it, and the thread that its event loop runs in
frames.py            messages as the bytes that are sent
publish_channel.py   messages in windows, and what the server has confirmed of them
reports.py           events of orders as the records that their accounts get
sink.py              the connector's sink
wiring.py            settings as parameters, and the stage's sink
check.py             ``exchange connect check rabbitmq``

Decisions CON-20 to CON-22.
"""
