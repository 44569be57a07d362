"""What a client's command does.

terms.py         what a command asks for, decoded
placing.py       an order that has passed its checks trades, waits or rests
enter.py         ENTER
replace.py       REPLACE
amend.py         CANCEL and MODIFY
mass_cancel.py   MASS_CANCEL and the other cancels of many orders
review.py        REVIEW of a held order
checks.py        the checks of a command by itself
risk.py          what an order may cost and what its account may do
matching.py      an order against the opposite book
auction.py       the call auction
breaker.py       the circuit breaker
triggers.py      stops that are due
re_enter.py      a triggered stop or an approved order enters the market
"""
