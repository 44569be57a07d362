"""The matcher: the single writer of all trading state."""
