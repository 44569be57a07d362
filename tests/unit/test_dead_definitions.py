"""Every public definition of the product has a user that is not a test, or a reason here."""

from __future__ import annotations

import pytest

from tests.tools.dead_definitions import ALLOWED, all_dead_definitions, dead_definitions, find
from tests.tools.house.source import Source


def test_no_public_definition_is_dead() -> None:
    found = dead_definitions()
    assert not found, "only tests, or nobody, use:\n" + "\n".join(map(str, found))


def test_what_is_allowed_is_still_dead() -> None:
    dead = {place.text for place in all_dead_definitions()}
    used = sorted(ALLOWED.keys() - dead)
    assert not used, f"take them from the list, something uses them or they are gone: {used}"


def dead_in(*files: tuple[str, str], script: str = "") -> list[str]:
    """module:name of what is dead in ``files`` (path, text)."""
    found = find([Source(path, text) for path, text in files], [Source("scripts/example", script)])
    return [f"{each.module}:{each.name}" for each in found]


@pytest.mark.parametrize(
    ("user", "dead"),
    [
        ("", ["journal.one:used"]),
        ("from journal.one import used", ["journal.one:used"]),  # imported and not named
        ("from journal.one import used\nused()", []),
        ("from journal import one\none.used()", []),
        ("import journal.one\njournal.one.used()", []),
        ("from journal.one import used as other\nprint(other)", []),
        ("from journal.one import used\n__all__ = ['used']", ["journal.one:used"]),
        ("PLACE = 'journal.one.used'\nprint(PLACE)", []),
        ('"""Calls journal.one.used."""', ["journal.one:used"]),
    ],
)
def test_what_counts_as_a_use(user: str, dead: list[str]) -> None:
    files = ("journal/one.py", "def used(): ..."), ("journal/two.py", user)
    assert dead_in(*files) == dead


def test_a_script_is_a_user_and_an_import_is_enough() -> None:
    one = ("journal/one.py", "A = 1\nB = 2\n")
    assert dead_in(one, script="from journal.one import A") == ["journal.one:B"]


def test_a_chain_of_uses_ends_where_something_runs() -> None:
    chain = "def first(): second()\ndef second(): first()\n"
    assert dead_in(("journal/one.py", chain)) == ["journal.one:first", "journal.one:second"]
    assert dead_in(("journal/one.py", f"{chain}first()\n")) == []


def test_a_name_that_is_passed_on() -> None:
    home, door = ("journal/one.py", "A = 1"), ("journal/two.py", "from journal.one import A")
    assert dead_in(home, door, script="from journal import two\nprint(two.A)") == []


def test_definitions_under_a_condition_are_one() -> None:
    text = "if 1:\n    def a(): ...\nelse:\n    def a(): ...\n"
    assert dead_in(("journal/one.py", text)) == ["journal.one:a"]


def test_private_names_are_not_reported_and_keep_what_they_use() -> None:
    assert dead_in(("journal/one.py", "def _a(): b()\ndef b(): ...\n_a()")) == []
    assert dead_in(("journal/one.py", "def _a(): b()\ndef b(): ...\n")) == ["journal.one:b"]


METHODS = """
class Plain:
    def close(self): ...
    def again(self): self.again()
    def _private(self): ...
class Other(Outside):
    def called_by_the_base(self): ...
print(Plain, Other)
"""


def test_methods_by_the_attributes_that_are_read() -> None:
    one = ("journal/one.py", f"from outside import Outside\n{METHODS}")
    assert dead_in(one) == ["journal.one:Plain.close", "journal.one:Plain.again"]
    assert dead_in(one, script="x.close()\ny.again()") == []
    assert dead_in(one, script="getattr(x, 'close')") == ["journal.one:Plain.again"]


def test_registered_functions_and_fields_of_layouts_are_alive() -> None:
    text = "@app.route('/')\ndef page(): ...\nPRICE = field(ORDER, 'price')\n"
    assert dead_in(("journal/one.py", text)) == []
