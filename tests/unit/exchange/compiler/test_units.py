"""The units: together they are everything that an exchange runs, and their order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from exchange.compiler.units import units
from exchange.engine.state.functions import ENGINE

ROOT = Path(__file__).resolve().parents[4]
# In a process of its own: here, other tests have compiled functions for other types already.
AFTER_ALL_UNITS = """
import sys, tempfile
from pathlib import Path
sys.path[:0] = [{root!r}, {harness!r}]
from exchange.compiler.units import units
from ringbuffer.jit import cache
for unit in units():
    unit.compile()
written = []
cache.write = lambda name, data: written.append(name)
import whole_exchange
with tempfile.TemporaryDirectory() as directory:
    whole_exchange.run_twice(Path(directory))
print(*written, sep="\\n")
"""


@pytest.mark.needs_jit
def test_an_exchange_compiles_nothing_after_the_units() -> None:
    code = AFTER_ALL_UNITS.format(root=str(ROOT), harness=str(ROOT / "tests" / "harness"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


@pytest.mark.needs_jit
def test_what_trading_needs_comes_first_and_large_units_before_small_ones() -> None:
    made = units()
    assert len({unit.name for unit in made}) == len(made)
    first_of_the_rest = next(i for i, unit in enumerate(made) if not unit.trading)
    assert not any(unit.trading for unit in made[first_of_the_rest:])
    for part in (made[:first_of_the_rest], made[first_of_the_rest:]):
        assert [unit.size for unit in part] == sorted((unit.size for unit in part), reverse=True)
    engine = [unit for unit in made if unit.name.startswith("engine: ")]
    assert len(engine) == len(ENGINE.names()) and all(unit.trading for unit in engine)
