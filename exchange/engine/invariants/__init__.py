"""What must hold of a state between two commands, checked outside the hot path.

check.py    all checks; those of books and orders
lists.py    held orders, the pending queue, timers
money.py    money and stock
common.py   what the checks share
"""
