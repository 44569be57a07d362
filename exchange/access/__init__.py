"""API keys, request signatures and session names: what servers and clients share."""
