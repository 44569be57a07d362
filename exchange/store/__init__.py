"""Postgres: what the released events say, as rows."""
