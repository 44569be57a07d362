"""From snapshot and journal to a state, and what the archive lacks; facts; the ledger."""
