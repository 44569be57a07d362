"""The examples of README.md and docs/*.md: which there are, and where each of them is run.

Every code block is named in ``EXAMPLES``; ``tests/unit/test_documents.py`` finds one that is not.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from exchange.settings import ROOT

BLOCK = re.compile(r"^```([\w ]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HERE = "tests/faults/test_examples_of_the_documents.py"
RABBITMQ = "tests/connectors/test_rabbitmq.py"
GRPC = "tests/connectors/test_grpc.py"
KAFKA = "tests/connectors/test_kafka.py"
RUNBOOK = "tests/faults/test_the_runbook.py"
REDIS = "tests/connectors/test_redis.py"
REST = "tests/system/test_rest.py"
WEBSOCKET = "tests/unit/exchange/api/websocket/test_document.py"
NOT_RUN = "not run: "

# (document, how the block begins) -> the test that runs it, or why none does
EXAMPLES: dict[tuple[str, str], str] = {
    ("README.md", "scripts/up      #"): f"{NOT_RUN}`scripts/test` runs this test; "
    "tests/faults/test_scripts_may_be_repeated.py runs what both scripts set up",
    ("README.md", "ready: "): HERE,
    ("README.md", "$ "): HERE,
    ("README.md", "scripts/up --demo"): "tests/system/test_demo.py",
    ("README.md", "scripts/package"): "tests/system/test_package.py",
    ("docs/architecture.md", " TCP clients"): f"{NOT_RUN}a drawing",
    ("docs/ccxt.md", "python3 -m venv"): f"{NOT_RUN}tests/connectors/test_ccxt.py makes such an "
    "environment, of pinned versions",
    ("docs/ccxt.md", "import os"): "tests/connectors/test_ccxt.py",
    ("docs/client.md", "import asyncio"): "tests/system/test_demo.py",
    ("docs/client.md", "$ EXCHANGE_KEY"): "tests/system/test_demo.py",
    ("docs/client.md", "book = OrderBook"): HERE,
    ("docs/connectors.md", "# trades from RabbitMQ"): RABBITMQ,
    ("docs/connectors.md", "[[rabbitmq.orders]]"): "tests/connectors/test_rabbitmq_orders.py",
    ("docs/connectors.md", "# orders into RabbitMQ"): "tests/connectors/test_rabbitmq_orders.py",
    ("docs/connectors.md", '{"sequence":1111,"trade_id"'): RABBITMQ,
    ("docs/connectors.md", "import hashlib"): GRPC,
    ("docs/connectors.md", "[redis]"): REDIS,
    ("docs/connectors.md", "import sys"): REDIS,
    ("docs/connectors.md", "import json\nimport sys\n\nfrom confluent_kafka"): KAFKA,
    ("docs/connectors.md", '{"sequence":4711'): KAFKA,
    ("docs/contributing.md", "scripts/test --collect-only"): HERE,
    ("docs/contributing.md", "scripts/test --quick"): HERE,
    ("docs/metrics.md", "$ curl "): HERE,
    ("docs/metrics.md", "$ scripts/up --observe"): "tests/system/test_observe.py",
    ("docs/operations.md", "exchange "): HERE,
    ("docs/operations.md", "exchange check-config --data-dir data   # after"): RUNBOOK,
    ("docs/operations.md", "exchange-replay "): HERE,
    ("docs/operations.md", "[journal]"): HERE,
    ("docs/operations.md", "ok    clock source"): HERE,
    ("docs/operations.md", "/var/lib/exchange: stopped; a start"): HERE,
    ("docs/operations.md", "scripts/build"): "tests/system/test_installed_package.py",
    ("docs/replay.md", "exchange-replay "): HERE,
    ("docs/rest.md", "$ exchange admin"): HERE,
    ("docs/rest.md", "#!/usr/bin/env bash"): REST,
    ("docs/rest.md", "$ "): REST,
    ("docs/rest.md", "import hashlib"): REST,
    ("docs/runbook.md", "$ "): RUNBOOK,
    ("docs/store.md", "-- open orders"): HERE,
    ("docs/store.md", "CREATE ROLE"): HERE,
    ("docs/store.md", "[store]"): HERE,
    ("docs/store.md", "GRANT "): HERE,
    ("docs/websocket.md", '{"'): WEBSOCKET,
    ("docs/websocket.md", "import zlib"): WEBSOCKET,
}


class Block(NamedTuple):
    """A code block of a document; ``language``: the word after the fence."""

    document: str
    language: str
    text: str

    @property
    def where(self) -> str:
        """The entry of ``EXAMPLES`` with the longest beginning that fits; "" if there is none."""
        fits = [
            beginning
            for document, beginning in EXAMPLES
            if document == self.document and self.text.startswith(beginning)
        ]
        return EXAMPLES[self.document, max(fits, key=len)] if fits else ""


def documents() -> list[str]:
    """README.md and docs/*.md; decisions are history."""
    return ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]


def blocks(document: str) -> list[Block]:
    """Every code block of ``document``, in order."""
    text = (ROOT / document).read_text()
    return [Block(document, language, body) for language, body in BLOCK.findall(text)]


def document_block(document: str, beginning: str) -> str:
    """The code block of ``document`` that begins so."""
    (found,) = (each.text for each in blocks(document) if each.text.startswith(beginning))
    return found


class Example(NamedTuple):
    """A command line after ``$``, and the lines that it is shown to print."""

    line: str
    shown: list[str]


def sessions(document: str, section: str = "") -> list[Example]:
    """The command lines of the blocks that begin with ``$``, with what they print.

    ``section``: only those directly below the heading of this text.
    """
    text = (ROOT / document).read_text()
    if section:
        head = re.search(rf"^#+ {re.escape(section)}$", text, re.MULTILINE)
        assert head is not None, f"{document} has no section {section!r}"
        rest = text[head.end() :]
        without_blocks = BLOCK.sub(lambda block: " " * len(block[0]), rest)
        end = re.search(r"^#+ ", without_blocks, re.MULTILINE)
        text = rest[: end.start()] if end else rest
    found: list[Example] = []
    for _, body in BLOCK.findall(text):
        if not body.startswith("$ "):
            continue
        for line in body.splitlines():
            if line.startswith("$ "):
                found.append(Example(line[2:], []))
            else:
                found[-1].shown.append(line)
    return found


def command_lines(document: str, *programs: str) -> list[str]:
    """The lines of blocks without ``$`` that begin with one of ``programs``, without comments."""
    return [
        line.partition("  #")[0].strip()
        for block in blocks(document)
        if block.where == HERE and not block.text.startswith("$ ")
        for line in block.text.splitlines()
        if line.split(" ")[0] in programs
    ]


# what every run has of its own
OWN = (
    (r"\b[0-9a-f]{64}\b", "<secret>"),
    (r"\b[0-9a-f]{16}\b", "<hash>"),
    (r"\b[A-Z2-7]{20}\b", "<API key>"),
    (r"\bA[A-Z2-7]{13}\b", "<key>"),
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?", "<time>"),
    (r"127\.0\.0\.1:\d+", "<address>"),
    (r"^\d+,<time>,\d+,(\w+),\d+,", r"#,<time>,#,\1,#,"),  # a row of `export operators`
    (r"token=\S+", "token=#"),
    (r"\b(timestamp|order_reference|match_number)=\d+", r"\1=#"),
    (r"\b(command|below|commands 0 to|process|pid|at byte|sequence|day) \d+", r"\1 #"),
    (r"\b[\d,]+ (events|bytes|files|snapshots)\b", r"# \1"),
    (r" +[\d.]+ MiB", " # MiB"),
    (r"\b\d{1,3}(,\d{3})+\b", "#"),
    (r"after [\d.]+ ms", "after # ms"),
    (r"[+-]?[\d,]+\.\d{3} s\b", "# s"),
    (r"^ +\d+ ", "  # "),
)


def without_own(text: str) -> str:
    """``text`` without what differs from run to run."""
    for pattern, name in OWN:
        text = re.sub(pattern, name, text, flags=re.MULTILINE)
    return text


def differs(printed: str, shown: list[str]) -> str:
    """Why ``printed`` is not what is ``shown``; "" if it is.

    A line ``...`` stands for any lines, nothing shown for anything.
    """
    if not shown:
        return ""
    lines = without_own(printed).rstrip("\n").split("\n")
    pattern = ""
    for line in without_own("\n".join(shown)).split("\n"):
        pattern += r"(?:.*\n)*?" if line.strip() == "..." else re.escape(line.rstrip()) + " *\n"
    if re.fullmatch(pattern, "".join(f"{line}\n" for line in lines)):
        return ""
    return "shown:\n" + "\n".join(shown) + "\nprinted:\n" + printed
