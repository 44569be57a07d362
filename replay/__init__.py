"""Replay tools: read a journal and an archive, rebuild, compare, export."""
