-- The first version of the tables.
--
-- Prices are in minor units of the instrument (10^-price_decimals), money in minor units of the
-- currency (10^-decimals): see tables instruments and currencies. Times are UTC. All ids are the
-- exchange's own: nothing here is numbered by Postgres.

CREATE TABLE currencies (
    number smallint PRIMARY KEY,
    code text NOT NULL UNIQUE,
    decimals smallint NOT NULL,
    fee_account integer NOT NULL
);

CREATE TABLE instruments (
    number integer PRIMARY KEY,
    symbol text NOT NULL UNIQUE,
    currency text NOT NULL,
    price_decimals smallint NOT NULL,
    tick bigint NOT NULL,
    lot bigint NOT NULL,
    minimum_price bigint NOT NULL,
    maximum_price bigint NOT NULL,
    maximum_quantity bigint NOT NULL,
    instrument_group smallint NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE sessions (
    number integer PRIMARY KEY,
    username text NOT NULL,
    user_id integer NOT NULL,
    created_at timestamptz NOT NULL
);

-- Where the rows end: one row, changed by every transaction that writes rows.
CREATE TABLE store_position (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    exchange_id bytea,              -- SHA-256 of the archive's first event; null before there is one
    next_event bigint NOT NULL,     -- every event before this one has its rows, none from it on has
    last_event bytea,               -- event next_event - 1 as it stands in the archive
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 10);
INSERT INTO store_position (next_event) VALUES (0);

CREATE TABLE orders (
    id bigint NOT NULL,
    user_id integer NOT NULL,
    symbol text NOT NULL,
    side text NOT NULL,
    type text NOT NULL,
    price bigint,                   -- null: market
    quantity bigint NOT NULL,
    stop_price bigint,
    display_quantity bigint,        -- of icebergs
    filled_quantity bigint NOT NULL,
    filled_value bigint NOT NULL,   -- sum of price x quantity of its trades
    remaining_quantity bigint NOT NULL,
    status text NOT NULL,
    time_in_force integer NOT NULL,
    client_order_id text NOT NULL,  -- the 14-character token
    session integer NOT NULL,
    reason text,                    -- why it was rejected or cancelled
    replaces bigint,
    replaced_by bigint,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    filled_at timestamptz,
    cancelled_at timestamptz,
    PRIMARY KEY (id, created_at)
) {partition_by_created_at};
CREATE INDEX orders_user ON orders (user_id, id);

CREATE TABLE trades (
    id bigint NOT NULL,             -- the match number: the event's sequence + 1
    symbol text NOT NULL,
    buy_order_id bigint NOT NULL,
    sell_order_id bigint NOT NULL,
    buyer_id integer NOT NULL,
    seller_id integer NOT NULL,
    price bigint NOT NULL,
    quantity bigint NOT NULL,
    taker_side text NOT NULL,
    reason text NOT NULL,
    executed_at timestamptz NOT NULL,
    PRIMARY KEY (id, executed_at)
) {partition_by_executed_at};
CREATE INDEX trades_symbol ON trades (symbol, executed_at);
CREATE INDEX trades_buyer ON trades (buyer_id, executed_at);
CREATE INDEX trades_seller ON trades (seller_id, executed_at);

CREATE TABLE order_events (
    sequence bigint NOT NULL,
    command_sequence bigint NOT NULL,
    created_at timestamptz NOT NULL,
    nanoseconds smallint NOT NULL,  -- of created_at, beyond its microseconds
    kind text NOT NULL,
    symbol text,
    user_id integer,
    session integer,
    order_id bigint,
    side text,
    type text,
    price bigint,
    quantity bigint,
    remaining bigint,
    reason text,
    contra_order_id bigint,         -- TRADE: the aggressor's; REPLACED: the order that was replaced
    contra_user_id integer,
    level_quantity bigint,          -- the new totals of the price level, where they changed
    level_orders bigint,
    stop_price bigint,              -- TERMS
    display_quantity bigint,        -- TERMS
    client_order_id text,
    details jsonb,                  -- events that are not about an order
    PRIMARY KEY (created_at, sequence)
) {partition_by_created_at};
-- No index by order_id: it would cost more than everything else about a row (docs/store.md has the
-- figures). An order's events lie between its created_at and its updated_at.

CREATE TABLE accounts (
    user_id integer NOT NULL,
    currency text NOT NULL,
    balance bigint NOT NULL,
    frozen_balance bigint NOT NULL,
    available_balance bigint NOT NULL GENERATED ALWAYS AS (balance - frozen_balance) STORED,
    daily_order_count bigint NOT NULL,
    daily_order_limit bigint NOT NULL,  -- 0: none
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, currency)
) WITH (fillfactor = 50);

CREATE TABLE positions (
    user_id integer NOT NULL,
    symbol text NOT NULL,
    quantity bigint NOT NULL,
    frozen_quantity bigint NOT NULL,
    available_quantity bigint NOT NULL GENERATED ALWAYS AS (quantity - frozen_quantity) STORED,
    total_cost bigint NOT NULL,     -- minor units of the currency
    avg_price numeric GENERATED ALWAYS AS (round(total_cost::numeric / nullif(quantity, 0), 6)) STORED,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, symbol)
) WITH (fillfactor = 50);

CREATE TABLE klines_1m (
    symbol text NOT NULL,
    timestamp timestamptz NOT NULL, -- the interval's beginning
    open bigint NOT NULL,
    high bigint NOT NULL,
    low bigint NOT NULL,
    close bigint NOT NULL,
    volume bigint NOT NULL,
    trade_count bigint NOT NULL,
    PRIMARY KEY (symbol, timestamp)
) WITH (fillfactor = 70);
CREATE TABLE klines_5m (LIKE klines_1m INCLUDING ALL) WITH (fillfactor = 70);
CREATE TABLE klines_15m (LIKE klines_1m INCLUDING ALL) WITH (fillfactor = 70);
CREATE TABLE klines_1h (LIKE klines_1m INCLUDING ALL) WITH (fillfactor = 70);
CREATE TABLE klines_1d (LIKE klines_1m INCLUDING ALL) WITH (fillfactor = 70);
