"""Price levels, orders by slot and by token, stops, held orders and expiry."""
