"""The exchange: records, engine, order entry, daemon and command line."""
