"""What README.md and the documents show is what happens, on the shipped configuration.

The command lines of README.md are carried out in their order, and what they print is compared with
what is shown, but for what every run has of its own: times, tokens, numbers of orders and commands,
keys. Then those of the documents, on the same exchange. ``tests/harness/document_examples.py`` says
of every code block where it is run; that every command exists with its options is seen by
tests/unit/test_documents.py.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
import zstandard
from document_examples import (
    Example,
    blocks,
    command_lines,
    differs,
    sessions,
    without_own,
)
from exchange_process import RunningExchange, wait_until, write_settings

from exchange.settings import ROOT, SHIPPED
from exchange.store.connection import SCHEMA
from exchange.store.postgres import running_server
from exchange.store.schema import migrate
from replay.cli import main as replay

pytestmark = pytest.mark.needs_jit

TIMEOUT_S = 600.0
FREE_PORTS = {
    "order_entry": {"port": 0},
    "api": {"port": 0},
    "health": {"port": 0},
    "metrics": {"port": 0},
    "feed": {"port": 0},
}


class Shipped(NamedTuple):
    """The shipped configuration on ports that are free, after README's examples.

    ``printed``: what each of them printed.
    """

    exchange: RunningExchange
    examples: list[Example]
    printed: list[str]

    @property
    def order_id(self) -> str:
        """The first order of README.md."""
        (number,) = re.findall(r"order_reference=(\d+)", self.printed[0])
        return str(number)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipped]:
    """`.venv/bin/exchange` lies beside the exchange's data."""
    exchange = RunningExchange(tmp_path_factory.mktemp("documents"), web=True)
    folder = exchange.directory
    for file in ("accounts.toml", "instruments.toml", "sessions.toml"):
        shutil.copy(SHIPPED / file, folder / file)
    write_settings(exchange.config_file, FREE_PORTS)
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, module in (("exchange", "exchange.cli"), ("exchange-replay", "replay.cli")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m {module} "$@"\n')
        program.chmod(0o755)
    (folder / "data-demo").symlink_to("data")
    for name in ("backups", "shipped/journal", "shipped/archive"):
        (folder / name).mkdir(parents=True)
    try:
        exchange.start()
        examples = sessions("README.md")
        yield Shipped(exchange, examples, [carried_out(exchange, each.line) for each in examples])
    finally:
        exchange.close()


def carried_out(exchange: RunningExchange, line: str, text: str | None = None) -> str:
    """What ``line`` prints; it must succeed. ``text``: its standard input."""
    line = line.replace("exchange order ", f"exchange order --port {exchange.port} ")
    line = line.replace(" /backups", f" {exchange.directory}/backups")
    line = line.replace(" /mnt/archive", f" {exchange.directory}/shipped")
    line = line.replace("http://127.0.0.1:8081", exchange.url)
    line = line.replace("http://127.0.0.1:8080", f"http://{exchange.address('health')}")
    line = line.replace("http://127.0.0.1:8083", f"http://{exchange.address('metrics')}")
    path = f"{exchange.directory / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "-c", line],
        cwd=exchange.directory,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PATH": path},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        input=text,
    )
    assert ended.returncode == 0, f"{line}\n{ended.stdout}{ended.stderr}"
    return ended.stdout


def test_readme(shipped: Shipped) -> None:
    assert len(shipped.examples) >= 8
    for (line, shown), printed in zip(shipped.examples, shipped.printed, strict=True):
        if line.startswith("curl"):
            expected = json.loads("".join(shown))
            assert json.loads(printed)["data"].keys() == expected["data"].keys(), line
            continue
        difference = differs(printed, shown)
        assert not difference, f"{line}\n{difference}"
    (ready,) = [block.text for block in blocks("README.md") if block.text.startswith("ready: ")]
    log = shipped.exchange.log_file.read_text().replace(
        str(shipped.exchange.data_directory), "data"
    )
    for line in ready.splitlines():
        assert without_own(line) in without_own(log), line


def test_operations(shipped: Shipped) -> None:
    """The metrics, the kill switch on and off, a backup and its restore, pruning."""
    for line, shown in sessions("docs/metrics.md"):
        if not line.startswith("curl"):
            continue
        printed = carried_out(shipped.exchange, line)
        assert [part.split()[0] for part in printed.splitlines()] == [
            part.split()[0] for part in shown
        ], line
    lines = command_lines("docs/operations.md", "exchange", "exchange-replay")
    assert len(lines) >= 7
    folder = shipped.exchange.directory
    for line in lines:
        if "/mnt/archive" in line:  # what was shipped: here a segment that is still there
            (segment,) = (folder / "data" / "journal").glob("*.wal")
            copy = folder / "shipped" / "journal" / f"{segment.name}.zst"
            copy.write_bytes(zstandard.compress(segment.read_bytes(), 1))
        carried_out(shipped.exchange, line)


def test_settings_that_are_shown(shipped: Shipped) -> None:
    """Those of docs/operations.md are a configuration that can be started."""
    shown = [each.text for each in blocks("docs/operations.md") if each.text.startswith("[")]
    assert shown
    own = shipped.exchange.directory / "shown"
    own.mkdir()
    for file in ("accounts.toml", "instruments.toml", "sessions.toml"):
        shutil.copy(SHIPPED / file, own / file)
    for text in shown:
        (own / "exchange.toml").write_text(text)
        printed = carried_out(
            shipped.exchange, "exchange check-config --config shown/exchange.toml"
        )
        assert "correct" in printed


def test_what_the_machine_is_like(shipped: Shipped) -> None:
    """`exchange check` says something of all that is shown; what it says is the machine's."""
    (shown,) = [each.text for each in blocks("docs/operations.md") if "clock source" in each.text]
    names = re.findall(r"^(?:ok|note|STOP) +(\w+ \w+)  ", shown, re.MULTILINE)
    assert len(names) >= 2
    printed = carried_out(shipped.exchange, "exchange check || true")
    for name in names:
        assert re.search(rf"^(ok|note|STOP) +{name}  ", printed, re.MULTILINE), printed


def test_what_a_start_would_do(shipped: Shipped) -> None:
    """Of a copy with a snapshot and commands after it."""
    (block,) = [each.text for each in blocks("docs/operations.md") if "; a start of" in each.text]
    for line in (
        "exchange-replay snapshot --now --data-dir data",
        "exchange admin kill --account 1002 off",
        "exchange backup /backups/plan --data-dir data",
        "exchange restore /backups/plan --data-dir data-plan",
    ):
        carried_out(shipped.exchange, line)
    printed = carried_out(shipped.exchange, "exchange recovery-plan --data-dir data-plan")
    shown, lines = [re.sub(r"[\d,]*\d", "#", text).splitlines() for text in (block, printed)]
    # whether a copy has its last events depends on the moment when it was made
    assert [each for each in shown[1:] if "archive" not in each] == [
        each for each in lines[1:] if "archive" not in each
    ]
    assert shown[0].partition(": ")[2] == lines[0].partition(": ")[2]


def test_rest(shipped: Shipped) -> None:
    """The key that its examples are signed with; those are run by tests/system/test_rest.py."""
    (line, *_) = [line for line, _ in sessions("docs/rest.md")]
    assert line.startswith("exchange admin key make")
    assert re.search(r"^secret  [0-9a-f]{64}$", carried_out(shipped.exchange, line), re.MULTILINE)


def test_replay(
    shipped: Shipped, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every line of the list of commands, about an order and a command that there are."""
    lines = command_lines("docs/replay.md", "exchange-replay")
    assert len(lines) >= 14
    monkeypatch.chdir(shipped.exchange.directory)
    for line in lines:
        own = line.replace("4711", shipped.order_id).replace("123456", shipped.order_id)
        assert replay(shlex.split(own)[1:]) == 0, line
        assert capfd.readouterr().out or "--output" in line, line
    trades = Path("trades.csv").read_text().splitlines()
    assert len(trades) == 2 and ",AAPL,150.0000,40," in trades[1]


def test_queries_of_the_store(shipped: Shipped) -> None:
    """Each finds rows, in the embedded Postgres."""
    (text,) = [block.text for block in blocks("docs/store.md") if "-- open orders" in block.text]
    queries = text.replace("= 142", f"= {shipped.order_id}")
    exchange = shipped.exchange
    # README's kill switch has cancelled what rested
    carried_out(exchange, "exchange admin kill --account 1001 off")
    carried_out(exchange, shipped.examples[0].line)
    carried_out(exchange, "exchange admin account block 1002 --reason 'an example'")
    wait_until(lambda: exchange.status()["lag"]["store_events"] == 0, TIMEOUT_S, "the store")
    printed = carried_out(exchange, "exchange store psql -- -A -v ON_ERROR_STOP=1 -f -", queries)
    counts = [int(count) for count in re.findall(r"^\((\d+) rows?\)$", printed, re.MULTILINE)]
    assert len(counts) == queries.count(";") == 8
    assert all(counts), printed
    assert "noted" in queries and "|PARAMETER|" in printed.upper() and "an example" in printed


def test_a_real_server(shipped: Shipped) -> None:
    """Role and database as docs/store.md makes them, under another name beside the exchange's."""
    sql = [block.text for block in blocks("docs/store.md") if block.language == "sql"]
    (make, grant) = [text.replace("ROLE exchange", "ROLE venue") for text in sql[1:]]
    make = make.replace("DATABASE exchange OWNER exchange", "DATABASE venue OWNER venue")
    (example,) = [block.text for block in blocks("docs/store.md") if block.language == "toml"]
    dsn = tomllib.loads(example)["store"]["dsn"]
    assert psycopg.conninfo.conninfo_to_dict(dsn)["sslmode"] == "verify-full"
    with running_server(shipped.exchange.data_directory) as conninfo:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            for statement in make.split(";")[:-1]:
                connection.execute(statement.encode())
            connection.execute("CREATE ROLE reader LOGIN")
        own: dict[str, Any] = {"dbname": "venue", "autocommit": True}
        with psycopg.connect(conninfo, user="venue", **own) as connection:
            assert migrate(connection, SCHEMA) > 0
            connection.execute(grant.encode())
        with psycopg.connect(conninfo, user="reader", **own) as connection:
            connection.execute(f"SELECT * FROM {SCHEMA}.orders".encode())
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"DELETE FROM {SCHEMA}.orders".encode())


class FakeStream:
    """What the example of ``OrderBook`` is given: a gap, and then the snapshot once more."""

    def __init__(self, messages: list[Any]) -> None:
        self.asked: list[str] = []
        self._messages = messages

    async def subscribe(self, channel: str) -> None:
        self.asked.append(f"subscribe {channel}")

    async def resubscribe(self, channel: str) -> None:
        self.asked.append(f"resubscribe {channel}")

    async def __aiter__(self) -> AsyncIterator[Any]:
        for message in self._messages:
            yield message


def test_the_book_of_the_client_library() -> None:
    (code,) = [block.text for block in blocks("docs/client.md") if "OrderBook(" in block.text]
    program = (
        "from exchange.client.messages import DepthDiff, DepthSnapshot\n"
        "from exchange.client.order_book import OrderBook, OutOfStep\n"
        f"async def main(stream):\n{textwrap.indent(code, '    ')}    return book\n"
    )
    names: dict[str, Any] = {}
    exec(program, names)
    first = names["DepthSnapshot"](
        symbol="AAPL", bids=[], asks=[], sequence=7, checksum=0, timestamp=1
    )
    missed = names["DepthDiff"](
        symbol="AAPL", bids=[], asks=[], first_sequence=9, last_sequence=9, checksum=0, timestamp=1
    )
    stream = FakeStream([first, missed])
    book = asyncio.run(names["main"](stream))
    assert stream.asked == ["subscribe depth_diff.AAPL", "resubscribe depth_diff.AAPL"]
    assert book.sequence is None  # it begins anew with the next snapshot


def test_contributing() -> None:
    """The paths and options of its command lines exist; running them is what this test is in."""
    lines = [
        line.partition("#")[0].split()
        for block in blocks("docs/contributing.md")
        for line in block.text.splitlines()
    ]
    words = [word for line in lines for word in line]
    paths = [word for word in words if "/" in word and not word.startswith("-")]
    missing = [
        word for word in paths if not word.startswith(".venv") and not (ROOT / word).exists()
    ]
    assert len(paths) >= 8 and not missing
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", *_collected(lines)],
        cwd=ROOT,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _collected(lines: list[list[str]]) -> list[str]:
    """Arguments for pytest of one of the lines: a topic."""
    (line,) = [line for line in lines if "-k" in line]
    assert Path(line[0]).name == "test"
    return line[1:]
