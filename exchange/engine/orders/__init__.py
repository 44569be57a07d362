"""What a client's command does: checks, matching, auctions, amendments, cancels."""
