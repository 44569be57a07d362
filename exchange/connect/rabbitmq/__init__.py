"""RabbitMQ: trades and execution reports out, orders in.

broker.py            a connection, what is wrong with it, and the thread that its event loop runs in
frames.py            messages as the bytes that are sent
publish_channel.py   messages in windows, and what the server has confirmed of them
reports.py           events of orders as the records that their accounts get
sink.py              the connector's sink
order_messages.py    messages of a queue of orders as requests, and the answers
order_sender.py      sends them to the process api
order_queue.py       takes them out of queues, answers and acknowledges
wiring.py            settings as parameters, and the stage's sink
check.py             ``exchange connect check rabbitmq``

Decisions CON-20 to CON-23.
"""
