-- quantity = filled + remaining + prevented + cancelled, of every order, with its own fills only.
-- Until now a replacement counted what the orders before it had filled, in quantity and filled_...,
-- and nothing named what self-trade prevention had taken away.

ALTER TABLE orders ADD COLUMN prevented_quantity bigint NOT NULL DEFAULT 0;

UPDATE orders SET prevented_quantity = prevented.quantity
FROM (SELECT order_id, sum(quantity) AS quantity FROM order_events
      WHERE kind = 'self_trade_prevented' GROUP BY order_id) AS prevented
WHERE orders.id = prevented.order_id;

UPDATE orders SET quantity = orders.quantity - before.filled_quantity,
                  filled_quantity = orders.filled_quantity - before.filled_quantity,
                  filled_value = orders.filled_value - before.filled_value,
                  status = CASE WHEN orders.status = 'partial_filled'
                                 AND orders.filled_quantity = before.filled_quantity
                                THEN 'new' ELSE orders.status END
FROM orders AS before WHERE orders.replaces = before.id;

-- a reduction forgot what had been prevented before it
UPDATE orders SET quantity = filled_quantity + remaining_quantity + prevented_quantity
WHERE quantity < filled_quantity + remaining_quantity + prevented_quantity;

ALTER TABLE orders ADD COLUMN cancelled_quantity bigint GENERATED ALWAYS AS
    (quantity - filled_quantity - remaining_quantity - prevented_quantity) STORED;
