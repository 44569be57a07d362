"""Shared-memory ring buffers, agents, idle strategies and counters. Knows nothing of orders."""
