"""Runs the legs of the checks side by side and says how each ended: ``scripts/test`` starts it.

    python -m tests.tools.run_legs [NAME ...]

Every leg runs, whatever became of the others. The output of each is printed whole when it ends, so
that two never mix; a table at the end has a line for each. Exit status 1 if one failed.

At a time as many legs compute as there are processors, and one more waits (``Leg.waits``).

Decision CHK-3.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple

from tests.tools.legs import LEGS, Leg

ROOT = Path(__file__).resolve().parents[2]
POLL_S = 0.1
LAST_LINES = 5  # in which a leg says how it ended
COVERAGE_LINES = 40


class Running(NamedTuple):
    """A leg that runs."""

    process: subprocess.Popen[bytes]
    output: IO[bytes]
    started_s: float


class Ended(NamedTuple):
    """A leg that has ended; ``cpu_s``: of the leg and all its processes."""

    status: int
    elapsed_s: float
    cpu_s: float
    closing: str


def environment() -> dict[str, str]:
    """Bytecode is kept, beside the packages: the tests start some hundred interpreters."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(Path(sys.prefix) / "pycache")}


def start(leg: Leg) -> Running:
    """Start a leg; its output goes to a file."""
    output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by ``end``
    process = subprocess.Popen(
        leg.command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environment() | leg.environment,
        start_new_session=True,
    )
    return Running(process, output, time.monotonic())


def end(leg: Leg, running: Running, status: int, cpu_s: float) -> Ended:
    """Print the output of a leg that has ended."""
    running.output.seek(0)
    text = running.output.read().decode(errors="replace")
    running.output.close()
    elapsed_s = time.monotonic() - running.started_s
    print(f"--- {leg.name}: {' '.join(leg.command)}", text.rstrip("\n"), sep="\n", flush=True)
    return Ended(status, elapsed_s, cpu_s, closing_line(text))


def closing_line(text: str) -> str:
    """The line in which pytest, ruff or mypy says how it ended, without decoration."""
    lines = [line.strip("= ") for line in text.splitlines() if line.strip("= ")]
    for line in reversed(lines[-LAST_LINES:]):
        if " passed" in line or " failed" in line or " error" in line:
            return line
    return lines[-1] if lines else ""


def may_start(leg: Leg, running: dict[str, Leg], ended: dict[str, Ended], names: set[str]) -> bool:
    """Whether ``leg`` may be started beside those that run."""
    if leg.after in names and leg.after not in ended:
        return False
    processors = len(os.sched_getaffinity(0))
    computing = sum(not each.waits for each in running.values())
    if leg.waits:
        return len(running) <= processors
    return computing < processors and len(running) <= processors


def run(legs: Sequence[Leg]) -> dict[str, Ended]:
    """Run ``legs``; how each ended, by its name."""
    names = {leg.name for leg in legs}
    waiting = list(legs)
    running: dict[str, tuple[Leg, Running]] = {}
    ended: dict[str, Ended] = {}
    try:
        while waiting or running:
            for leg in list(waiting):
                if may_start(
                    leg, {name: each for name, (each, _) in running.items()}, ended, names
                ):
                    waiting.remove(leg)
                    running[leg.name] = leg, start(leg)
                    print(f"... {leg.name} begins", file=sys.stderr, flush=True)
            for name, (leg, each) in list(running.items()):
                pid, status, usage = os.wait4(each.process.pid, os.WNOHANG)
                if pid:
                    each.process.returncode = os.waitstatus_to_exitcode(status)
                    cpu_s = usage.ru_utime + usage.ru_stime
                    ended[name] = end(leg, each, each.process.returncode, cpu_s)
                    del running[name]
            time.sleep(POLL_S)
    finally:
        for _, each in running.values():
            os.killpg(each.process.pid, signal.SIGTERM)
            each.process.wait()
    return ended


def report_coverage() -> None:
    """What the legs of plain Python covered."""
    coverage = (sys.executable, "-m", "coverage")
    subprocess.run((*coverage, "combine", "--quiet"), cwd=ROOT, check=False)
    reported = subprocess.run(
        (*coverage, "report", "--skip-covered", "--sort=cover"),
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    print("--- coverage of the legs of plain Python", flush=True)
    print("\n".join((reported.stdout + reported.stderr).splitlines()[-COVERAGE_LINES:]), flush=True)


def main(arguments: Sequence[str]) -> int:
    """Run the legs that are named, or all."""
    by_name = {leg.name: leg for leg in LEGS}
    parser = argparse.ArgumentParser(prog="python -m tests.tools.run_legs")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(by_name))
    names = parser.parse_args(arguments).names or list(by_name)
    unknown = set(names) - set(by_name)
    if unknown:
        parser.error(f"no leg {', '.join(sorted(unknown))}; there are {', '.join(by_name)}")
    started_s = time.monotonic()
    subprocess.run((sys.executable, "-m", "coverage", "erase"), cwd=ROOT, check=True)
    ended = run([by_name[name] for name in names])
    if any("coverage" in by_name[name].command for name in names):
        report_coverage()
    print("--- summary", flush=True)
    width = max(map(len, ended))
    for name in names:
        leg = ended[name]
        outcome = "ok    " if leg.status == 0 else "FAILED"
        times = f"{leg.elapsed_s:6.0f} s {leg.cpu_s:6.0f} s CPU"
        print(f"{outcome}  {name:{width}}  {times}  {leg.closing}", flush=True)
    failed = [name for name in names if ended[name].status != 0]
    elapsed_s = time.monotonic() - started_s
    what = f"failed: {', '.join(failed)}" if failed else "all checks passed"
    print(f"{what} ({elapsed_s / 60:.1f} minutes)", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
