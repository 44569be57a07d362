"""Differences between rows, in words; the rows are made as the encoder makes them."""

from __future__ import annotations

import numpy as np
import pytest

from exchange.store.compare import differences, rows_of
from exchange.store.rows.copy_format import ACCOUNTS, Rows, timestamps
from exchange.store.rows.texts import Texts

LIMIT = 10


def rows(*accounts: tuple[int, int]) -> Rows:
    """Accounts (number, balance) as rows of the table."""
    texts = Texts()
    numbers = np.array([number for number, _ in accounts], np.int64)
    balances = np.array([balance for _, balance in accounts], np.int64)
    usd = np.full(len(accounts), texts.number("USD"), np.int64)
    zeros = np.zeros(len(accounts), np.int64)
    when = timestamps(np.full(len(accounts), 1_700_000_000_000_000_000, np.int64))
    columns = (numbers, usd, balances, zeros, zeros, zeros, when, timestamps(zeros))
    return ACCOUNTS.encode(columns, texts)


def test_rows_are_read_back() -> None:
    found = list(rows_of(rows((1, 5), (2, -6)).data))
    assert [int.from_bytes(row[0] or b"", "big") for row in found] == [1, 2]
    assert found[1][1] == b"USD" and found[1][-1] is None
    assert int.from_bytes(found[1][2] or b"", "big", signed=True) == -6


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (rows((1, 5), (2, 6)), []),
        (rows((1, 5)), ["accounts: user_id 2, currency 'USD' is missing"]),
        (
            rows((1, 5), (2, 7)),
            [
                "accounts: user_id 2, currency 'USD': balance is 7, the archive says 6",
            ],
        ),
        (
            rows((1, 5), (2, 6), (3, 0)),
            ["accounts: user_id 3, currency 'USD' is there and in the archive it is not"],
        ),
        (
            rows((1, 5), (2, 6), (2, 6)),
            ["accounts: user_id 2, currency 'USD' is there twice"],
        ),
        (rows((2, 6), (1, 5)), ["accounts: the same rows in another order"]),
    ],
)
def test_differences_are_named(there: Rows, said: list[str]) -> None:
    assert differences(ACCOUNTS, bytes(there.data), rows((1, 5), (2, 6)), LIMIT) == said


def test_no_more_differences_than_wanted() -> None:
    many = rows(*((number, 1) for number in range(1, 50)))
    assert len(differences(ACCOUNTS, b"", many, LIMIT)) == LIMIT
