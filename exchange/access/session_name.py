"""User names of the sessions through which all orders of an account's API keys enter.

There is one such session per account: "@" and the account's number as five base-36 digits. A name
of ``sessions.toml`` has letters and digits only, so no client can log in to one over TCP.
"""

from __future__ import annotations

PREFIX = "@"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LENGTH = 5
ACCOUNTS = len(_DIGITS) ** _LENGTH


def api_username(account: int) -> str:
    """The user name of ``account``'s API session: ``@000RT`` for 1001."""
    assert 0 < account < ACCOUNTS
    letters = ""
    for _ in range(_LENGTH):
        account, digit = divmod(account, len(_DIGITS))
        letters = _DIGITS[digit] + letters
    return PREFIX + letters


def is_api_username(username: str) -> bool:
    """Whether a session belongs to the API."""
    return username.startswith(PREFIX)
