"""The demonstration: an exchange with bots that trade through the public interfaces only.

parser.py          the arguments of the command
run.py             starts the exchange, makes accounts and keys, starts the bots
configuration.py   its configuration with connectors
bots.py            the bots
quotes.py          what a market maker quotes
prices.py          the prices that the bots believe in
"""
