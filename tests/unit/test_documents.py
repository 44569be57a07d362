"""Documents and code agree: rules, decisions and links that are cited exist."""

from __future__ import annotations

import argparse
import ast
import re
import tomllib

import pytest

from exchange.cli import build_parser as exchange_parser
from replay.arguments import build_parser as replay_parser
from tests.harness import document_examples
from tests.tools.house.names import missing_in
from tests.tools.house.source import ROOT

NAME = r"[a-z]+(?:-[a-z]+)+"
DEFINED = re.compile(rf"^ *- \*\*({NAME})\*\*", re.MULTILINE)
CITED = re.compile(
    rf"\b[Rr]ules?\s+(?:from\s+)?({NAME}(?:(?:,|\s+and|\s+or|\s+to)\s+(?:[Rr]ules?\s+)?{NAME})*)"
)
NUMBERED = re.compile(r"\b[Rr]ules? \d|\b(?:ENTER|REPLACE) \d(?:\.\d|\)|:| to | and )")
FOLDERS = ("exchange", "journal", "replay", "ringbuffer", "scripts", "tests", "docs", "config")
FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
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


# --- decisions ----------------------------------------------------------------------------------

DECISION = re.compile(
    r"^## ([A-Z]{3}-\d+): (.+)\n\n"
    r"- Date and status: \d{4}-\d\d-\d\d, (?:accepted|superseded by [A-Z]{3}-\d+).*\n(?:  .*\n)*"
    r"- Figure: .+\n(?:  .*\n)*"
    r"- Binds: ((?:.+\n)+)\n",
    re.MULTILINE,
)
DECISION_CITED = re.compile(r"\b[Dd]ecisions?\s+((?:[A-Z]{3}-\d+(?:,\s+|\s+and\s+)?)+)")


def decisions() -> dict[str, tuple[str, list[str]]]:
    """Every decision: id to its title and the files that it binds."""
    found = {}
    for path in sorted((ROOT / "docs/decisions").glob("*.md")):
        for decision in DECISION.finditer(path.read_text()):
            assert decision[1] not in found, f"{decision[1]} is there twice"
            found[decision[1]] = decision[2], re.findall(r"`([^`]+)`", decision[3])
    return found


def test_each_decision_has_its_fields():
    headings = sum(
        len(re.findall(r"^## [A-Z]{3}-", path.read_text(), re.MULTILINE))
        for path in (ROOT / "docs/decisions").glob("*.md")
    )
    assert len(decisions()) == headings > 50


def test_the_index_of_decisions_is_complete():
    index = (ROOT / "docs/decisions/README.md").read_text()
    entries = re.findall(r"^\| \[([A-Z]{3}-\d+)\]\(\S+\) \| (.+?) \|", index, re.MULTILINE)
    assert entries and dict(entries) == {name: title for name, (title, _) in decisions().items()}


def test_each_decision_binds_files_that_exist():
    bound = [(name, file) for name, (_, files) in decisions().items() for file in files]
    assert len(bound) > 50
    assert [entry for entry in bound if not (ROOT / entry[1]).exists()] == []


def test_the_header_of_each_bound_module_cites_its_decision():
    """In the docstring of a module; among the first lines of a program or a script of the page."""
    missing = []
    for name, (_, files) in decisions().items():
        for file in files:
            text = (ROOT / file).read_text()
            if file.endswith(".py"):
                header = ast.get_docstring(ast.parse(text)) or ""
            elif file.endswith(".js") or file.startswith("scripts/"):
                header = "\n".join(text.split("\n")[:20])
            else:
                continue  # lists of packages and the like have no header
            if not re.search(rf"\b{name}\b", header):
                missing.append((name, file))
    assert missing == []


def test_each_cited_decision_exists():
    known = decisions()
    cited = [
        (path, name)
        for path, text in texts()
        for found in DECISION_CITED.finditer(re.sub(r"\s*\n\s*(?:# )?", " ", text))
        for name in re.findall(r"[A-Z]{3}-\d+", found[1])
    ]
    assert cited
    assert [entry for entry in cited if entry[1] not in known] == []


# --- glossary -----------------------------------------------------------------------------------


def test_each_word_of_the_glossary_has_one_entry_and_a_place():
    text = (ROOT / "docs/glossary.md").read_text()
    entries = re.findall(r"^- \*\*([^*]+)\*\*(.*(?:\n  .*)*)", text, re.MULTILINE)
    words = [word for word, _ in entries]
    assert len(words) > 40 and len(words) == len(set(words))
    without = [
        word
        for word, meaning in entries
        if not any((ROOT / name).exists() for name in re.findall(r"`([\w./]+/[\w./]+)`", meaning))
    ]
    assert without == []


# --- files and functions ------------------------------------------------------------------------


def test_the_files_and_functions_of_the_architecture_exist():
    text = (ROOT / "docs/architecture.md").read_text()
    assert len(re.findall(r"`[\w/]+\.py:\w+`", text)) > 30
    assert list(missing_in(text, "docs/architecture.md")) == []


# --- commands and settings ----------------------------------------------------------------------

SPAN = re.compile(r"`([^`\n]+)`")
PLACEHOLDER = re.compile(r"^[A-Z][A-Z_./a-z]*$|^[…|<\[(].*|.*…$")
PARSERS = {"exchange": exchange_parser(), "exchange-replay": replay_parser()}


def commands_in(text: str) -> list[list[str]]:
    """The command lines of ``text``: in code blocks and between backticks, as words."""
    found = []
    blocks = [line for block in FENCED.findall(text) for line in block.split("\n")]
    for line in (*blocks, *SPAN.findall(FENCED.sub("", text))):
        line = re.sub(r"^\$ |^(\w+=\S+ )+", "", line.strip())
        line = re.sub(r"\s+#.*$", "", line).removeprefix(".venv/bin/")
        line = re.split(r"; | \| | 2>", line)[0]
        words = line.split()
        if words and words[0] in PARSERS and len(words) > 1:
            found.append(words)
    return found


def choices_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def mistake_in(words: list[str]) -> str:
    """What is wrong with a command line of a document; "" if nothing is."""
    parser = PARSERS[words[0]]
    options = set(parser._option_string_actions)
    for word in words[1:]:
        choices = choices_of(parser)
        if word.startswith("--"):
            name = word.strip("[]").partition("=")[0]
            if name != "--" and name not in options:
                return f"no option {name}"
        elif choices:
            if PLACEHOLDER.match(word):
                break
            if word not in choices:
                return f"no command {word}"
            parser = choices[word]
            options |= set(parser._option_string_actions)
        if word == "--":
            break
    return ""


def test_the_commands_in_the_documents_exist():
    found = [
        (path.relative_to(ROOT), " ".join(words), mistake_in(words))
        for path in documents()
        for words in commands_in(path.read_text())
    ]
    assert len(found) > 80
    assert [entry for entry in found if entry[2]] == []


@pytest.mark.parametrize(
    ("command", "mistake"),
    [
        ("exchange admin account open 2001", ""),
        ("exchange admin account clothe 2001", "no command clothe"),
        ("exchange-replay verify --everything", "no option --everything"),
        ("exchange store psql -- -c x", ""),
    ],
)
def test_a_command_that_does_not_exist_is_found(command, mistake):
    assert mistake_in(command.split()) == mistake


SETTING = re.compile(r"^(?:\[(?=\w+\] ))?(\w+)(?:\] |\.)(\w+)(?= =|$)")


def test_the_settings_in_the_documents_exist():
    settings = tomllib.loads((ROOT / "config/exchange.toml").read_text())
    named = [
        (path.relative_to(ROOT), section, key)
        for path in documents()
        for span in SPAN.findall(FENCED.sub("", path.read_text()))
        for section, key in SETTING.findall(span)
        if section in settings
    ]
    assert len(named) > 30
    assert [entry for entry in named if entry[2] not in settings[entry[1]]] == []


def test_the_programs_in_the_documents_exist():
    missing = [
        (path.relative_to(ROOT), name)
        for path in documents()
        for name in re.findall(r"(?<![\w/.])(scripts/[a-z_.]*[a-z_]|\.ci/run)\b", path.read_text())
        if not (ROOT / name).exists()
    ]
    modules = [
        (path.relative_to(ROOT), name)
        for path in documents()
        for name in re.findall(r"python -m ((?:exchange|tests|replay)[\w.]*)", path.read_text())
        if not (ROOT / f"{name.replace('.', '/')}.py").exists()
        and not (ROOT / name.replace(".", "/") / "__main__.py").exists()
    ]
    assert missing + modules == []


# --- examples -----------------------------------------------------------------------------------


def test_each_example_in_the_documents_is_run_or_says_why_not():
    """Every code block is named in ``EXAMPLES`` of tests/harness/document_examples.py."""
    blocks = [
        block
        for document in document_examples.documents()
        for block in document_examples.blocks(document)
    ]
    assert len(blocks) > 40
    unlisted = [(block.document, block.text[:60]) for block in blocks if not block.where]
    assert unlisted == []
    used = {
        (block.document, beginning)
        for block in blocks
        for document, beginning in document_examples.EXAMPLES
        if document == block.document and block.text.startswith(beginning)
    }
    assert set(document_examples.EXAMPLES) - used == set(), "no such block is left"


def test_the_tests_that_run_examples_name_their_document():
    for (document, beginning), where in document_examples.EXAMPLES.items():
        if where.startswith(document_examples.NOT_RUN):
            assert len(where) > len(document_examples.NOT_RUN) + 8, "a reason"
        else:
            name = document.rpartition("/")[2]
            assert name in (ROOT / where).read_text(), (document, beginning, where)


@pytest.mark.parametrize(
    ("printed", "shown", "same"),
    [
        ("done: command 7\n", ["done: command 9"], True),
        ("done: command 7\nmore\n", ["done: command 9"], False),
        ("one\ntwo\nthree\n", ["one", "..."], True),
        ("one\ntwo\nthree\n", ["...", "three"], True),
        ("one\ntwo\nthree\n", ["one", "...", "four"], False),
        ("anything\n", [], True),
    ],
)
def test_what_is_printed_is_compared_with_what_is_shown(printed, shown, same):
    assert bool(document_examples.differs(printed, shown)) != same


# --- lines --------------------------------------------------------------------------------------


def test_lines_of_the_documents_wrap_at_120():
    """Outside of tables, code blocks and indented code."""
    long = [
        (path.relative_to(ROOT), line)
        for path in documents()
        for line in FENCED.sub("", path.read_text()).split("\n")
        if len(line) > 120 and not line.lstrip().startswith("|") and not line.startswith("    ")
    ]
    assert long == []


# --- links --------------------------------------------------------------------------------------

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def documents():
    yield from sorted((ROOT / "docs").rglob("*.md"))
    yield from sorted(ROOT.glob("*.md"))
    yield from sorted((ROOT / "tests").glob("*.md"))


def anchors(text: str) -> set[str]:
    """The anchors that a renderer of Markdown makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", text), re.MULTILINE)
    plain = (re.sub(r"[`*]|\]\([^)]*\)|\[", "", heading).strip().lower() for heading in headings)
    return {re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in plain}


def test_each_link_in_the_documents_leads_somewhere():
    broken = []
    count = 0
    for path in documents():
        text = FENCED.sub("", path.read_text())
        for link in LINK.findall(text):
            if "://" in link:
                continue
            count += 1
            file, _, anchor = link.partition("#")
            target = path.parent / file if file else path
            if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
                broken.append((path.relative_to(ROOT), link))
    assert count > 50
    assert broken == []
