"""Balances, positions, clearing of trades, the cancel ratio.

accounts.py       currencies and accounts
positions.py      how much of an instrument an account holds
clearing.py       what orders freeze, and how a trade moves money and stock
cancel_ratio.py   orders and cancels of an account in a window of time
"""
