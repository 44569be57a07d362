"""``scripts/bench feed`` at a small size: a whole exchange, feed workers, and its own checks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.needs_jit

ROOT = Path(__file__).resolve().parents[2]
SMALL = (
    "--subscribers=60 --instruments=4 --trades-per-second=2000 --seconds=0.5 --idle=100 --workers=2"
)


def test_every_subscriber_gets_every_trade() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "bench"), "feed", "--json", *SMALL.split()],
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["subscribers"] == 60
    assert result["idle_connections"] == 100
    for key in (
        "frames_per_s",
        "trade_to_client_ms_p50",
        "trade_to_client_ms_p99",
        "bare_send_frames_per_s",
        "idle_workers_mebibytes",
    ):
        assert result[key] > 0
