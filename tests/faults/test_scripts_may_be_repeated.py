"""Scripts say the same the second time, and run where `scripts/up` has made the environment.

Before, `scripts/lobster --host` sent the tokens of its first run again, which are ignored without
an answer, into the book that the first run had left; and `scripts/soak` ended with
ModuleNotFoundError without the packages of the tests.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from exchange.settings import ROOT
from scripts.lobster_replay import venue
from scripts.lobster_replay.day import read_day
from scripts.lobster_replay.plan import Planner, tick_of
from scripts.lobster_replay.run import main
from tests.system.lobster_synthetic import write_day

pytestmark = pytest.mark.needs_jit

LIMIT_S = 1_500.0
# A process that has only the packages of requirements.txt runs the script that is named behind.
WITHOUT_TESTS_PACKAGES = """
import runpy, sys
missing = set(sys.argv.pop(1).split(","))
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0].replace("_", "-") in missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())
sys.argv = sys.argv[1:]
sys.path.insert(0, ".")
sys.exit(runpy.run_path(sys.argv[0], run_name="script")["main"]())
"""


def test_a_lobster_day_may_be_sent_twice_to_one_exchange(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "day.zip"
    write_day(path, 2, 1_000, 3, 100)
    day = read_day(path)
    plan = Planner(day).plan()
    highest = max(message.price for message in plan.messages)
    with venue.running("TEST", tick_of(day), highest) as place:
        arguments = [
            *(str(path), "--json", "--host", "127.0.0.1", "--port", str(place.port)),
            *("--user", venue.USERNAME, "--password", venue.PASSWORD, "--symbol", "TEST"),
        ]
        for _ in range(3):
            assert main(arguments) == 0
            told = json.loads(capsys.readouterr().out)
            assert told["rows_equal"] == told["rows"] == day.rows


def test_soak_runs_without_the_packages_of_the_tests() -> None:
    lines = (ROOT / "requirements-test.txt").read_text().splitlines()
    names = [found[1] for line in lines if (found := re.match(r"([a-z0-9-]+)==", line))]
    assert "xxhash" in names and "pytest" in names
    ended = subprocess.run(
        [
            *(sys.executable, "-c", WITHOUT_TESTS_PACKAGES, ",".join(names)),
            *("scripts/soak", "--seed", "3", "--commands", "3000"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "no difference in" in ended.stdout
