"""The files for systemd: their own checkers where there are any, and our names."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from exchange.compiler.small import small_configuration
from exchange.daemon.watchdog import PROBATION_PARTS
from exchange.errors import ExitStatus

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "config" / "systemd" / "exchange.service"


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def unit(section: str = "Service") -> dict[str, str]:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNIT)
    return dict(parser[section])


def test_a_restart_is_not_tried_where_it_does_not_help() -> None:
    prevented = {int(word) for word in unit()["RestartPreventExitStatus"].split()}
    # a bug, or a stage that failed once, may pass; the rest stays as it is until somebody acts
    tried_again = {ExitStatus.BUG, ExitStatus.STAGE_FAILED}
    of_commands = {
        ExitStatus.NOT_RUNNING,
        ExitStatus.REFUSED,
        ExitStatus.ROW_REFUSED,
        ExitStatus.INTERRUPTED,
        ExitStatus.OUTPUT_CLOSED,
    }
    assert prevented == set(ExitStatus) - {ExitStatus.OK} - tried_again - of_commands


def test_the_daemon_restarts_a_core_that_hangs_before_systemd_restarts_the_daemon() -> None:
    supervision = small_configuration("").settings.supervision
    found_after_ms = supervision.hang_timeout_ms * (PROBATION_PARTS + 1) / PROBATION_PARTS
    assert int(unit()["WatchdogSec"]) * 1000 > found_after_ms + supervision.status_interval_ms
    # one attempt after the other ends by itself: no more than so many in so long
    limits = unit("Unit")
    assert int(limits["StartLimitBurst"]) * int(unit()["RestartSec"]) < int(
        limits["StartLimitIntervalSec"]
    )


def test_the_rings_survive_a_logout() -> None:
    found = unit()
    assert found["RemoveIPC"] == "no" and found["Type"] == "notify"
    assert "MemoryDenyWriteExecute" not in found, "compiled code would be refused"


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    analyze = tool("systemd-analyze")
    copy = tmp_path / "exchange.service"
    copy.write_text(UNIT.read_text().replace("/opt/exchange/bin/exchange", "/bin/true"))
    done = subprocess.run([analyze, "verify", str(copy)], capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (0, "")
    measured = subprocess.run(
        [analyze, "security", "--offline=yes", "--threshold=15", str(copy)],
        capture_output=True,
        text=True,
    )
    assert measured.returncode == 0, measured.stdout[-400:]
