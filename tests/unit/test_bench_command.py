"""``scripts/bench``: one JSON object, a table, exit statuses; the ring benchmark's own checks."""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from ringbuffer.region import Region, Section
from scripts.benchmarks import runner
from scripts.benchmarks.result import BenchmarkFailed, check

ROOT = Path(__file__).resolve().parents[2]
SHARED_MEMORY = Path("/dev/shm")
SMALL = ["--records", "200000", "--round-trips", "2000", "--repeats", "1"]
RESULT = {"rate": {"1": 1234567, "16": 2.5}, "large": 12345.6, "ok": True, "list": [1, 2]}


LEAVE_A_REGION = """
import os, signal
import numpy as np
from ringbuffer.region import Region, Section
region = Region.create(f"ring-benchmark-{os.getpid()}", [Section("a", np.int64, 1)])
os.kill(os.getpid(), signal.SIGKILL)
"""


class Done(NamedTuple):
    """How a benchmark ended."""

    pid: int
    returncode: int
    stdout: str
    stderr: str


def bench(*arguments: str) -> Done:
    with subprocess.Popen(
        [sys.executable, str(ROOT / "scripts" / "bench"), *arguments],
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        output, errors = process.communicate()
    return Done(process.pid, process.returncode, output, errors)


def test_usage():
    for arguments in ((), ("no-such-benchmark",)):
        done = bench(*arguments)
        assert done.returncode == 2
        assert done.stdout == ""
        assert "NAME is one of:" in done.stderr
        assert "ring" in done.stderr


@pytest.mark.needs_jit
def test_ring_benchmark_gives_one_json_object():
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("the ring benchmark needs two CPUs")
    # what a killed run left is removed; what has another owner, or is no region of ours, is not
    with subprocess.Popen([sys.executable, "-c", LEAVE_A_REGION], cwd=ROOT) as killed:
        pass
    assert killed.returncode == -signal.SIGKILL
    left = SHARED_MEMORY / f"ring-benchmark-{killed.pid}"
    assert left.exists()
    with Region.create(f"ring-benchmark-{os.getpid()}", [Section("a", np.int64, 1)]) as others:
        done = bench("ring", "--json", *SMALL)
        assert (SHARED_MEMORY / others.name).exists()
    assert done.returncode == 0, done.stderr
    assert not left.exists()
    result = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert result["benchmark"] == "ring"
    assert set(result["records_per_s"]) == {"1", "16", "256"}
    assert all(rate > 0 for rate in result["records_per_s"].values())
    assert all(rate > 0 for rate in result["limit"]["records_per_s"].values())
    assert set(result["copied_records_per_s"]) == {"256"}
    assert 0 < result["round_trip_ns_p50"] <= 1 << 42
    assert "records_per_s.256" in done.stderr
    assert not (SHARED_MEMORY / f"ring-benchmark-{done.pid}").exists()


@pytest.mark.needs_jit
def test_ring_benchmark_notices_a_wrong_record():
    from scripts.benchmarks import ring

    slots = np.zeros((16, ring.RECORD_WORDS), np.int64)
    for sequence in range(16):
        slots[sequence] = sequence + np.arange(ring.RECORD_WORDS)
    assert ring.check_records(slots, 0, 16) == (0, ring._expected_total(16))
    slots[7, 0] += 1
    assert ring.check_records(slots, 0, 16) == (1, ring._expected_total(16) + 1)


@pytest.mark.needs_jit
@pytest.mark.parametrize(("name", "figure"), [("auction", "uncross_ms"), ("kill", "kill_ms")])
def test_benchmarks_of_one_large_command(name: str, figure: str) -> None:
    done = bench(name, "--json", "--orders", "3000", "--repeats", "2")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["orders"] == 3000
    assert result["events"] > 1500
    assert 0 < result[figure] < 1e6
    assert result["limit"]["event_writing_ms"] > 0


class _Fake:
    """A benchmark module."""

    def __init__(self, failure: str = "") -> None:
        self._failure = failure

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--size", type=int, default=3)

    def run(self, arguments: argparse.Namespace) -> dict[str, object]:
        check(not self._failure, self._failure)
        return {"size": arguments.size, **RESULT}


@pytest.fixture
def fake(monkeypatch):
    def install(failure: str = "") -> None:
        monkeypatch.setattr(runner, "benchmark_names", lambda: ["fake"])
        monkeypatch.setattr(runner.importlib, "import_module", lambda name: _Fake(failure))

    return install


def test_json_goes_to_stdout_and_the_table_to_stderr(fake, capfdbinary):
    fake()
    assert runner.main(["fake", "--json", "--size", "8"]) == 0
    output, errors = capfdbinary.readouterr()
    result = json.loads(output)
    assert (result["size"], result["rate"]["1"]) == (8, 1234567)
    assert result["machine"]["cpus"] == len(os.sched_getaffinity(0))
    assert b"rate.1 " in errors


def test_without_json_the_table_goes_to_stdout(fake, capsys):
    fake()
    assert runner.main(["fake"]) == 0
    output, errors = capsys.readouterr()
    assert "1,234,567" in output
    assert errors == ""


def test_a_failed_check_is_status_1_and_no_result(fake, capsys):
    fake("a record is missing")
    assert runner.main(["fake", "--json"]) == 1
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors == "fake: a record is missing\n"


def test_table():
    stream = io.StringIO()
    runner.print_table(RESULT, stream)
    assert stream.getvalue().splitlines() == [
        "rate.1   1,234,567",
        "rate.16      2.500",
        "large       12,346",
        "ok       true",
        "list     1, 2",
    ]


def test_check():
    check(True, "fine")
    with pytest.raises(BenchmarkFailed, match="not fine"):
        check(False, "not fine")
