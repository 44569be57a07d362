"""Price levels, orders by slot and by token, stops, held orders and expiry.

book.py         makes an order, puts it into its level, reduces it, removes it
levels.py       price levels and how the best one is found
live_order.py   the live order that a command names
order_pool.py   slots of orders, and orders by order id
tokens.py       orders by session and token
stops.py        stop orders by trigger price
held.py         orders that wait for a review
expiry.py       orders by the second of their expiry
bitmap.py       finds the next set bit
"""
