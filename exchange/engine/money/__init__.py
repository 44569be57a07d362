"""Balances, positions, clearing of trades, the cancel ratio."""
