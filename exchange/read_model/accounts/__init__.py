"""The account model: orders, fills, balances and positions from released events."""
