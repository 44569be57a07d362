"""``exchange admin``, ``order`` and ``status``: what operators do, from a second terminal.

parser.py       the arguments of ``exchange admin``
run.py          which function carries out which command
parameters.py   parameters in people's units: percent, basis points, currency units
names.py        symbols, user names and codes behind numbers, asked of the running daemon
send.py         commands: one record to the daemon, answered when it is durable
look.py         shows and lists: from the journal, also while no exchange runs
configuration.py  what the configuration files would change, shown or applied as a whole
check_config.py  what is wrong in a configuration, all of it
key.py          API keys: make, list, revoke
clock.py        ``exchange clock``: the exchange's clock and the wall clock
schedule.py     ``exchange schedule``: what opens and closes on the next days
health.py       whether the exchange works, as probes and metrics are told
status.py       ``exchange status``: stages, cursors, lag, rates
days.py         ``exchange day start --back``: whether a day has been traded
order.py        ``exchange order``: one order over the network
"""
