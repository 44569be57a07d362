"""The legs of the checks: which command shows what, and what each needs before it.

Who uses it: ``tests/tools/run_legs.py``, which ``scripts/test`` starts. Every test is in one leg
under the JIT (``tests/unit/test_legs.py`` sees to it); what holds rules runs once more as plain
Python with coverage, what indexes arrays once more with bounds checks.

Decision CHK-3.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

PYTHON = sys.executable
PYTEST = (PYTHON, "-m", "pytest", "-p", "no:cacheprovider")
COVERED = (PYTHON, "-m", "coverage", "run", "--parallel-mode", "-m", "pytest", "-q", "-p",
           "no:cacheprovider", "-m", "not needs_jit")  # fmt: skip

# What people use: API, store, page. They start browsers, Postgres and whole exchanges.
INTERFACES = (
    "tests/fault/test_kill_api.py",
    "tests/fault/test_kill_store.py",
    "tests/fault/test_kill_store_stage.py",
    "tests/system/test_api_accounts.py",
    "tests/system/test_api_isolation.py",
    "tests/system/test_api_isolation_websocket.py",
    "tests/system/test_bench_feed.py",
    "tests/system/test_demo.py",
    "tests/system/test_rest.py",
    "tests/system/test_rest_schema.py",
    "tests/system/test_websocket.py",
)
# As plain Python the damage at every byte of a journal would take minutes.
TOO_LONG_IN_PLAIN_PYTHON = ("tests/unit/journal/test_journal_damage.py",)
# With bounds checks: what indexes arrays (the engine goes by raw addresses).
BOUNDS_CHECKED = (
    "tests/property/test_fuzz_decoder.py",
    "tests/unit/exchange/gateway",
    "tests/unit/journal",
    "tests/unit/ringbuffer",
)
PLAIN = {"NUMBA_DISABLE_JIT": "1", "EXCHANGE_REQUIRE_WITNESSES": "0"}
COMPILED = "compile"  # the leg after which the release cache is full


def without(*paths: str) -> tuple[str, ...]:
    """Options of pytest that leave ``paths`` out."""
    return tuple(f"--ignore={path}" for path in paths)


@dataclass(frozen=True)
class Leg:
    """One command. ``after``: the leg that must have ended before, whatever its outcome.

    ``waits``: it mostly waits for disks, timers and other processes, so another may run beside it.
    """

    name: str
    command: tuple[str, ...]
    after: str = ""
    waits: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    def runs(self, test: str) -> bool:
        """Whether the leg runs the test file ``test`` (a path), whole or in part."""
        if "pytest" not in self.command:
            return False

        def names(path: str) -> bool:
            return test == path or test.startswith(f"{path}/")

        named = [word for word in self.command if word.startswith("tests/")]
        left_out = [word.partition("=")[2] for word in self.command if word.startswith("--ignore=")]
        return any(map(names, named)) and not any(map(names, left_out))


# In this order they are begun: long ones first, so that the last to end is a short one.
LEGS = (
    Leg("lint", (PYTHON, "-m", "ruff", "check", ".")),
    Leg("format", (PYTHON, "-m", "ruff", "format", "--check", ".")),
    Leg(COMPILED, (PYTHON, "-m", "exchange.compiler")),
    # while the compiler has one processor
    Leg("types", (PYTHON, "-m", "mypy")),
    Leg(
        "plain-engine",
        (*COVERED, "tests/unit/exchange/engine"),
        environment=PLAIN,
    ),
    Leg(
        "plain",
        (
            *COVERED,
            *("tests/unit/exchange", "tests/unit/journal"),
            *without("tests/unit/exchange/engine", *TOO_LONG_IN_PLAIN_PYTHON),
        ),
        environment=PLAIN,
    ),
    Leg(
        "core",
        (*PYTEST, "tests/system", "tests/fault", "tests/faults", *without(*INTERFACES)),
        after=COMPILED,
        waits=True,
    ),
    Leg("model", (*PYTEST, "tests/model", "tests/property"), after=COMPILED),
    Leg("interfaces", (*PYTEST, *INTERFACES), after=COMPILED, waits=True),
    Leg(
        "unit",
        (
            *(*PYTEST, "tests/unit"),
            *without("tests/unit/exchange/store"),
        ),
        after=COMPILED,
    ),
    # against real servers: brokers and the like
    Leg("connectors", (*PYTEST, "tests/connectors"), after=COMPILED, waits=True),
    Leg("browser", (*PYTEST, "tests/browser"), after=COMPILED, waits=True),
    Leg("bounds", (*PYTEST, "-q", *BOUNDS_CHECKED), environment={"NUMBA_BOUNDSCHECK": "1"}),
    Leg(
        "store",
        (*PYTEST, "tests/unit/exchange/store"),
        after=COMPILED,
        waits=True,
    ),
)
