"""The failures between the exchange and Postgres, as kinds that call for different answers.

The tree::

    ExchangeError
     +- StoreError
         +- PostgresUnavailable    the embedded server cannot be made or started; tried again
         +- StoreRefused           what is in the database must not be written to; a person decides
         +- StorePositionMoved     another writer was there: read the position again and go on

Everything that psycopg raises is an outage: the connection is closed, and tried again with backoff.
"""

from __future__ import annotations

from exchange.errors import ExchangeError, ExitStatus


class StoreError(ExchangeError):
    """The base of this package's errors."""

    status = ExitStatus.STAGE_FAILED


class PostgresUnavailable(StoreError):
    """The embedded Postgres cannot be made or started now; the message says why."""

    status = ExitStatus.DATA_DIRECTORY_UNAVAILABLE


class StoreRefused(StoreError):
    """The database is of another exchange, ahead of the archive, or of a newer version."""

    status = ExitStatus.REFUSED


class StorePositionMoved(StoreError):
    """The database is no longer where this publisher left it."""
