"""The house stays in order: each check of tests/tools/house finds no more than is written here.

A maximum only goes down. ``python -m tests.tools.house --list NAME`` shows the places.

Decision CHK-5.
"""

from __future__ import annotations

import pytest

from tests.tools.house import numbers, shape
from tests.tools.house.checks import CHECKS
from tests.tools.house.names import missing_in
from tests.tools.house.source import Source

# What is not named here must be zero.
MAXIMUM = {
    "many_parameters": 2,
    "long_files": 9,
    "modules_without_test": 141,
    "short_parameters": 6,
}


@pytest.mark.parametrize("name", CHECKS)
def test_the_house_is_in_order(name):
    found = CHECKS[name]()
    places = "\n".join(map(str, found))
    assert len(found) <= MAXIMUM.get(name, 0), f"{len(found)} {name}:\n{places}"


def test_a_name_in_prose_that_does_not_exist_is_found():
    unknown = "_".join(("nobody", "wrote", "this"))  # no word of this repository
    text = f"``{unknown}``, ``exchange.records.nothing``, ``records.py:no_such`` and gone.py"
    assert {what for _, what in missing_in(text, "exchange/cli.py")} == {
        f"no {unknown}",
        "no exchange.records.nothing",
        "no no_such in records.py",
        "no file gone.py",
    }


def test_names_in_prose_that_exist_are_not_found():
    text = "``exchange.records``, ``journal/writer.py:commit``, ``missing_in(text)``, docs/store.md"
    assert not list(missing_in(text, "exchange/cli.py"))


def test_a_file_named_without_its_folder_is_the_one_beside():
    assert not list(missing_in("``model.py``", "exchange/read_model/market/changes.py"))
    assert list(missing_in("``model.py``", "exchange/daemon/daemon.py"))


@pytest.mark.parametrize(
    ("line", "bare"),
    [
        ("get(view.orders, order + 7)", 1),
        ("put(view.orders, order + ORDER_PRICE, 7)", 0),
        ("get(view.orders, slot * ORDER_WORDS + 2)", 1),
        ("get(view.order_ids, where)", 0),
        ("word >> 32", 1),
        ("(low + high) >> 1", 0),
        ("word & 63", 1),
        ("word & MASK", 0),
        ("row[3]", 1),
        ("row[0]", 0),
        ("BITS = 1 << 4", 0),
    ],
)
def test_bare_numbers_are_told_from_names(line, bare):
    assert len(numbers.bare_in(Source("exchange/engine/example.py", line + "\n"))) == bare


def test_a_long_function_may_have_a_reason_beside_it():
    body = "\n".join(f"    a{i} = {i}" for i in range(80))
    plain = Source("scripts/example.py", f"def long():\n{body}\n")
    beside = Source("scripts/example.py", f"def long():  # long: one table\n{body}\n")
    above = Source("scripts/example.py", f"# long: one table\n@jit\ndef long():\n{body}\n")
    assert [len(shape.long_in(each)) for each in (plain, beside, above)] == [1, 0, 0]
