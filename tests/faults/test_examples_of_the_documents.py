"""What README.md and docs/operations.md show is what happens, on the shipped configuration.

The command lines of README.md are carried out in their order, and what they print is compared with
what is shown, but for what every run has of its own: times, tokens, numbers of orders and commands,
keys. docs/rest.md and docs/websocket.md have tests of their own (tests/system/test_rest.py, the
unit tests of the WebSocket); that every command exists with its options is seen by
tests/unit/test_documents.py.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from exchange_process import RunningExchange, write_settings

from exchange.settings import ROOT, SHIPPED

pytestmark = pytest.mark.needs_jit

TIMEOUT_S = 600.0
BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# what differs from run to run
OWN = (
    (r"timestamp=\d+", "timestamp=#"),
    (r"token=\S+", "token=#"),
    (r"order_reference=\d+", "order_reference=#"),
    (r"match_number=\d+", "match_number=#"),
    (r"command \d+", "command #"),
    (r"after [\d.]+ ms", "after # ms"),
    (r"key [A-Z2-7]{14}\b", "key #"),
    (r"^ +\d+ ", "  # "),
)
FREE_PORTS = {
    "order_entry": {"port": 0},
    "api": {"port": 0},
    "health": {"port": 0},
    "metrics": {"port": 0},
    "feed": {"port": 0},
    "store": {"dsn": "off"},
}


def without_own(text: str) -> str:
    for pattern, name in OWN:
        text = re.sub(pattern, name, text, flags=re.MULTILINE)
    return text


def examples(document: str) -> list[tuple[str, list[str]]]:
    """(command line, lines that it is shown to print) of the blocks without a language."""
    found: list[tuple[str, list[str]]] = []
    for block in BLOCK.findall((ROOT / document).read_text()):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif found and "\n$ " in f"\n{block}":
                found[-1][1].append(line)
    return found


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExchange]:
    """The shipped configuration on ports that are free; `.venv/bin/exchange` beside its data."""
    exchange = RunningExchange(tmp_path_factory.mktemp("documents"), web=True)
    folder = exchange.directory
    for file in ("accounts.toml", "instruments.toml", "sessions.toml"):
        shutil.copy(SHIPPED / file, folder / file)
    write_settings(exchange.config_file, FREE_PORTS)
    program = folder / ".venv" / "bin" / "exchange"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m exchange.cli "$@"\n')
    program.chmod(0o755)
    (folder / "data-demo").symlink_to("data")
    try:
        exchange.start()
        yield exchange
    finally:
        exchange.close()


def carried_out(exchange: RunningExchange, line: str) -> str:
    """What ``line`` prints; it must succeed."""
    line = line.replace("exchange order ", f"exchange order --port {exchange.port} ")
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
    )
    assert ended.returncode == 0, f"{line}\n{ended.stdout}{ended.stderr}"
    return ended.stdout


def test_readme(shipped: RunningExchange) -> None:
    done = examples("README.md")
    assert len(done) >= 8
    for line, shown in done:
        printed = carried_out(shipped, line)
        if line.startswith("curl"):
            expected = json.loads("".join(shown))
            assert json.loads(printed)["data"].keys() == expected["data"].keys(), line
            continue
        lines = without_own(printed).splitlines()
        wanted = without_own("\n".join(shown)).splitlines()
        if wanted and wanted[-1].strip() == "...":
            wanted = wanted[:-1]
            lines = lines[: len(wanted)]
        if wanted:
            assert lines == wanted, f"{line}\n" + "\n".join(lines)


def test_operations(shipped: RunningExchange) -> None:
    """After README's: the metrics, the kill switch on and off, a backup and its restore."""
    text = (ROOT / "docs/operations.md").read_text()
    for line, shown in examples("docs/operations.md"):
        printed = carried_out(shipped, line)
        assert [part.split()[0] for part in printed.splitlines()] == [
            part.split()[0] for part in shown
        ], line
    lines = [
        line.partition("#")[0].strip()
        for block in BLOCK.findall(text)
        for line in block.splitlines()
        if line.startswith("exchange ")
    ]
    assert len(lines) >= 4
    for line in lines:
        carried_out(shipped, line.replace("/backups/", f"{shipped.directory}/backups-"))
