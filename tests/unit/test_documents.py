"""Documents and code agree: a name of a rule that is cited anywhere is one of docs/matching.md."""

from __future__ import annotations

import re

import pytest

from tests.tools.house.source import ROOT

NAME = r"[a-z]+(?:-[a-z]+)+"
DEFINED = re.compile(rf"^ *- \*\*({NAME})\*\*", re.MULTILINE)
CITED = re.compile(
    rf"\b[Rr]ules?\s+(?:from\s+)?({NAME}(?:(?:,|\s+and|\s+or|\s+to)\s+(?:[Rr]ules?\s+)?{NAME})*)"
)
NUMBERED = re.compile(r"\b[Rr]ules? \d|\b(?:ENTER|REPLACE) \d(?:\.\d|\)|:| to | and )")
FOLDERS = ("exchange", "journal", "replay", "ringbuffer", "scripts", "tests", "docs", "config")
SUFFIXES = {".py", ".md", ".toml", ".js", ".sql"}


def texts():
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in SUFFIXES and "vendor" not in path.parts:
                yield path.relative_to(ROOT), path.read_text()


def cited_rules(text: str) -> list[str]:
    """The names of rules that ``text`` cites, also where a list of them goes over several lines."""
    flat = re.sub(r"\s*\n\s*(?:# )?", " ", text)
    return [name for found in CITED.finditer(flat) for name in re.findall(NAME, found[1])]


def defined_rules() -> list[str]:
    return DEFINED.findall((ROOT / "docs/matching.md").read_text())


def test_each_rule_has_a_name_of_its_own():
    names = defined_rules()
    assert len(names) > 40
    assert len(names) == len(set(names))


def test_each_cited_rule_is_in_matching_md():
    cited = [(path, name) for path, text in texts() for name in cited_rules(text)]
    assert len(cited) > 40, "the pattern no longer finds the citations"
    defined = set(defined_rules())
    assert [entry for entry in cited if entry[1] not in defined] == []


def test_no_rule_is_cited_by_a_number():
    found = [(path, match[0]) for path, text in texts() for match in NUMBERED.finditer(text)]
    assert found == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Rule day-open: whether", ["day-open"]),
        ("the rules of trading", []),
        (
            "Rules day-open, price-band\n    and level-block.",
            ["day-open", "price-band", "level-block"],
        ),
        ("# Rule\n# day-open", ["day-open"]),
        ("From Rule day-open to Rule level-block.", ["day-open", "level-block"]),
    ],
)
def test_citations_are_found(text, names):
    assert cited_rules(text) == names
