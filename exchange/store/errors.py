"""The failures between the exchange and Postgres, as kinds that call for different answers.

The tree::

    ExchangeError
     +- StoreError
         +- PostgresUnavailable    the embedded server cannot be made or started; tried again
         +- StoreRefused           what is in the database must not be written to; a person decides
         +- RowRefused             the database refuses a row: the data are wrong, not the way there
         +- StorePositionMoved     another writer was there: read the position again and go on

Everything else that psycopg raises is an outage: the connection is closed, and tried again with
backoff. A row that a constraint refuses (``ROW_ERRORS``) will be refused at every try.

Decision STO-5.
"""

from __future__ import annotations

import psycopg

from exchange.errors import ExchangeError, ExitStatus

# a constraint, a value out of range, one row twice in a statement
ROW_ERRORS = (psycopg.IntegrityError, psycopg.DataError, psycopg.errors.CardinalityViolation)


class StoreError(ExchangeError):
    """The base of this package's errors."""

    status = ExitStatus.STAGE_FAILED


class PostgresUnavailable(StoreError):
    """The embedded Postgres cannot be made or started now; the message says why."""

    status = ExitStatus.DATA_DIRECTORY_UNAVAILABLE


class StoreRefused(StoreError):
    """The database is of another exchange, ahead of the archive, or of a newer version."""

    status = ExitStatus.REFUSED


class RowRefused(StoreError):
    """The database refuses a row; the message says which events it comes from, and why."""

    status = ExitStatus.ROW_REFUSED


class StorePositionMoved(StoreError):
    """The database is no longer where this publisher left it."""
