"""ccxt, in an environment of its own, calls all unified methods against a running exchange.

The environment is made once, in ``EXCHANGE_TEST_CACHE_DIR`` or ~/.cache/open-exchange-core-tests,
of the pinned versions in ccxt_requirements.txt.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from document_examples import blocks
from exchange_process import RunningExchange

from exchange.settings import ROOT

pytestmark = [pytest.mark.needs_jit, pytest.mark.timeout(1800)]

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "ccxt_requirements.txt"
INSTALL_TIMEOUT_S = 900.0
PROGRAM_TIMEOUT_S = 300.0
LIMIT = 1_000_000


class Api(NamedTuple):
    url: str
    keys: str


def environment() -> Path:
    """The interpreter that has ccxt. Skips where it cannot be installed."""
    default = Path.home() / ".cache" / "open-exchange-core-tests"
    cache = Path(os.environ.get("EXCHANGE_TEST_CACHE_DIR", default))
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    directory = cache / f"ccxt-{version}-{digest}"
    done = directory / "installed"
    if not done.exists():
        shutil.rmtree(directory, ignore_errors=True)
        venv.create(directory, with_pip=True)
        command = [directory / "bin" / "python", "-m", "pip", "install", "-q", "-r", REQUIREMENTS]
        made = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
        if made.returncode:
            pytest.skip(f"ccxt cannot be installed: {made.stderr[-300:]}")
        done.touch()
    return directory / "bin" / "python"


@pytest.fixture(scope="module")
def python() -> Path:
    return environment()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A running exchange with the shipped instruments, a first trade, and keys of two accounts."""
    limits = {"requests_per_second_per_ip": LIMIT, "requests_per_second_per_key": LIMIT}
    exchange = RunningExchange(
        tmp_path_factory.mktemp("ccxt"), web=True, settings={"api": limits | {"burst": LIMIT}}
    )
    try:
        exchange.start()
        keys = [exchange.make_key(account) for account in (1, 2)]
        yield Api(exchange.url, json.dumps(keys))
    finally:
        exchange.close()


@pytest.mark.parametrize("flavour", ["sync", "async", "pro"])
def test_every_unified_method(api: Api, python: Path, flavour: str, tmp_path: Path) -> None:
    run(api, [python, HERE / "ccxt_program.py", flavour], tmp_path)


def test_the_example_of_the_document(api: Api, python: Path, tmp_path: Path) -> None:
    (program,) = (each.text for each in blocks("docs/ccxt.md") if each.text.startswith("import os"))
    assert run(api, [python, "-c", program], tmp_path).endswith(" open\ncanceled\n")


def run(api: Api, command: list[str | Path], directory: Path) -> str:
    """What a program of an environment with ccxt prints."""
    key, secret = json.loads(api.keys)[0]
    own = {
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "EXCHANGE_URL": api.url,
        "EXCHANGE_KEYS": api.keys,
        "EXCHANGE_KEY": key,
        "EXCHANGE_SECRET": secret,
    }
    ran = subprocess.run(
        command,
        cwd=directory,
        env=os.environ | own,
        capture_output=True,
        text=True,
        timeout=PROGRAM_TIMEOUT_S,
    )
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-3000:]
    return ran.stdout
