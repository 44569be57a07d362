"""A short run of ``scripts/attack``: every attack, no door shut. How fast is not asked here."""

from __future__ import annotations

import subprocess
import sys

import pytest

from exchange.settings import ROOT
from scripts.benchmarks.hostile import Doors, attacks

pytestmark = pytest.mark.needs_jit


def test_no_attack_shuts_a_door() -> None:
    answer = subprocess.run(
        [sys.executable, str(ROOT / "scripts/attack"), "--minutes", "0.05", "--any-speed"],
        capture_output=True, text=True, timeout=1800, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stdout + answer.stderr
    names = [line[:16].strip() for line in answer.stdout.splitlines() if "journal" in line]
    assert names == [*attacks(Doors(0, 0, "", ("", "")), 1)], answer.stdout
