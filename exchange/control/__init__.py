"""The daemon as a producer of commands.

loop.py           ties the parts together, for one core
door.py           which definitions may go to the journal
producer.py       writes commands into ingress ring 0
trading.py        definitions, days and changes of state that configuration and clock ask for
differences.py    configuration and running exchange compared
clock.py          the time of commands, and that by which days and phases go
trading_day.py    which trading day a moment belongs to
schedule.py       which phase of the day a group of instruments is in
socket.py         the control socket: requests of operators
people.py         who asks through it, and why
disk_guard.py     new orders are stopped before the disk is full
operators.py      their commands, answered when the events are released
cancels.py        their cancels of single orders, and what became of them
key_requests.py   their requests about API keys
"""
