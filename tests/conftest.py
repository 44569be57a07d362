"""Fixtures of all tests, and the rule about witnesses.

A witness is something outside the product that a test compares with: tshark, strace, real market
data, nasdaq-protocols. Where one is absent the test is skipped with its reason; with
EXCHANGE_REQUIRE_WITNESSES=1 (continuous integration) such a skip is a failure.

The marker needs_jit is for tests that use atomics, eventfds or system calls from jitted code, which
plain Python does not have, and for those of which one run is enough, whole exchanges for example.

Decision CHK-4.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# tests of gRPC and tests that fork may share a process: what gRPC does in a forked child ends it
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

REQUIRE_WITNESSES = os.environ.get("EXCHANGE_REQUIRE_WITNESSES", "0") not in ("", "0")
JIT_DISABLED = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
REPOSITORY = Path(__file__).resolve().parent.parent
LOBSTER_DIRECTORY = Path(
    os.environ.get("EXCHANGE_LOBSTER_DIR") or REPOSITORY.parent / "shared" / "data" / "lobster"
)


# How long an example takes says something about the machine, and nothing about the code.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs_jit: cannot, or need not, run with NUMBA_DISABLE_JIT")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if JIT_DISABLED:
        for item in items:
            if item.get_closest_marker("needs_jit"):
                item.add_marker(pytest.mark.skip(reason="needs the JIT (NUMBA_DISABLE_JIT is set)"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    outcome = yield
    report = outcome.get_result()
    if REQUIRE_WITNESSES and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but EXCHANGE_REQUIRE_WITNESSES is set: {report.longrepr}"


@pytest.fixture(scope="session", autouse=True)
def nothing_left_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """After the last test no process, no shared memory and no directory of this run exists."""
    from tests.harness.left_behind import LeftBehind

    tmp_path_factory.getbasetemp()  # pytest keeps the directories of the last runs where it likes
    run = LeftBehind()
    yield
    found = run.wait_for_none()
    run.close()
    assert not found, "the tests left behind:\n" + "\n".join(found)


@pytest.fixture(scope="session")
def lobster_directory() -> Path:
    """The folder with the real market data (EXCHANGE_LOBSTER_DIR)."""
    if not LOBSTER_DIRECTORY.is_dir():
        pytest.skip(f"no market data in {LOBSTER_DIRECTORY} (EXCHANGE_LOBSTER_DIR)")
    return LOBSTER_DIRECTORY


@pytest.fixture(scope="session")
def strace() -> str:
    """The path of strace."""
    path = shutil.which("strace")
    if path is None:
        pytest.skip("strace is not installed")
    return path


@pytest.fixture(scope="session")
def tshark() -> str:
    """The path of tshark."""
    path = shutil.which("tshark")
    if path is None:
        pytest.skip("tshark is not installed")
    return path


@pytest.fixture
def make_exchange(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """A factory of exchanges, not started: ``make_exchange(settings={...}, sessions=N)``.

    Each has a directory of its own; all are ended and removed after the test, whatever happened.
    """
    assert request.node.get_closest_marker("needs_jit"), "a whole exchange needs the JIT: mark it"
    from exchange_process import RunningExchange

    made: list[RunningExchange] = []

    def make(**arguments: Any) -> RunningExchange:
        directory = tmp_path / f"exchange-{len(made)}"
        directory.mkdir()
        made.append(RunningExchange(directory, **arguments))
        return made[-1]

    yield make
    for exchange in made:
        exchange.close()
        shutil.rmtree(exchange.directory, ignore_errors=True)


@pytest.fixture
def running_exchange(make_exchange: Callable[..., Any]) -> Any:
    """A started exchange with the test settings (see tests/harness/exchange_process.py)."""
    return make_exchange().start()
