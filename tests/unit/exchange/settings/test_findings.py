"""Everything that is wrong in a file is found, and what is right goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.errors import ConfigurationError
from exchange.settings import Findings, load_accounts, load_settings
from exchange.settings.findings import doubles
from tests.harness.files import written

RISK = load_settings(None).risk
ACCOUNTS = """
[[account]]
id = "one"
burst = 0
colour = "red"

[[account]]
id = 2

[[account]]
burst = 1

[[account]]
id = 2
"""


def test_the_first_is_raised_or_all_are_collected(tmp_path: Path) -> None:
    path = written(tmp_path, "a.toml", ACCOUNTS)
    with pytest.raises(ConfigurationError):
        load_accounts(path, 10, RISK)
    found = Findings(collect=True)
    currencies, accounts = load_accounts(path, 10, RISK, found)
    assert currencies == [] and [account.id for account in accounts] == [2, 2]
    told = [str(error).partition(": ")[0] + str(error).partition("]]")[2] for error in found.errors]
    for line, what in (
        (3, "number 1: id: must be an integer from 1"),
        (4, "number 1: burst: must be an integer from 1"),
        (5, "number 1: colour: unknown key"),
        (10, "number 3: id: missing"),
        (14, "number 4: id: 2 is already used by number 2"),
    ):
        assert any(each.startswith(f"{path}:{line} {what}") for each in told), (line, what, told)
    assert len(told) == 5, told


def test_a_file_that_is_no_toml_is_told_once(tmp_path: Path) -> None:
    found = Findings(collect=True)
    assert load_accounts(written(tmp_path, "a.toml", "= 1"), 10, RISK, found) == ([], [])
    assert len(found.errors) == 1 and "is not TOML" in str(found.errors[0])


def test_a_double_names_the_first(tmp_path: Path) -> None:
    from types import SimpleNamespace

    rows = {at: SimpleNamespace(id=number) for at, number in ((0, 1), (2, 2), (5, 1))}
    assert list(doubles(rows, "id")) == [(5, "1 is already used by number 1")]
