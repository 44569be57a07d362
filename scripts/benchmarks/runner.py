"""The part of ``scripts/bench`` that the right interpreter runs: find, run, print.

A benchmark's result is a dict whose values are numbers, strings, lists, or dicts of these. The
runner adds ``benchmark`` and ``machine``, so that a figure never travels without them.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import orjson

from exchange.runtime.release import version_text
from scripts.benchmarks.result import BenchmarkFailed

FOLDER = Path(__file__).resolve().parent


def benchmark_names() -> list[str]:
    """Every module of this folder that has a ``run`` function at its top level."""
    return sorted(
        path.stem for path in FOLDER.glob("*.py") if "\ndef run(arguments" in path.read_text()
    )


def machine() -> dict[str, Any]:
    """The machine as far as it explains a figure."""
    model = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "processor": model or platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "load_average_1m": round(os.getloadavg()[0], 2),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def rows(result: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """A nested result as (dotted key, text), in order."""
    for key, value in result.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from rows(value, f"{name}.")
        elif isinstance(value, bool):
            yield name, str(value).lower()
        elif isinstance(value, int):
            yield name, f"{value:,}"
        elif isinstance(value, float):
            yield name, f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.3f}"
        elif isinstance(value, list):
            yield name, ", ".join(str(part) for part in value)
        else:
            yield name, str(value)


def print_table(result: dict[str, Any], stream: TextIO) -> None:
    """Two columns: key, value (numbers to the right)."""
    table = list(rows(result))
    width = max((len(name) for name, _ in table), default=0)
    value_width = max((len(text) for _, text in table if _is_number(text)), default=0)
    for name, text in table:
        shown = text.rjust(value_width) if _is_number(text) else text
        print(f"{name:<{width}}  {shown}", file=stream)


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(",", "").replace(".", "", 1).isdigit()


def main(argv: Sequence[str]) -> int:
    """Parse, run the benchmark, print. Returns the exit status."""
    names = benchmark_names()
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        usage="%(prog)s NAME [--json] [options of NAME]",
        description="NAME is one of: " + ", ".join(names),
    )
    parser.add_argument("--version", action="version", version=version_text("bench"))
    parser.add_argument("name", metavar="NAME", choices=names, help=", ".join(names))
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    module: Any = None
    named = next((argument for argument in argv if argument in names), None)
    if named is None and not {"-h", "--help", "--version"}.intersection(argv):
        parser.error(parser.description or "")
    if named is not None:
        # Its own options are known only now.
        module = importlib.import_module(f"scripts.benchmarks.{named}")
        if hasattr(module, "add_arguments"):
            module.add_arguments(parser)
    arguments = parser.parse_args(argv)
    try:
        measured = module.run(arguments)
    except BenchmarkFailed as failure:
        print(f"{arguments.name}: {failure}", file=sys.stderr)
        return 1
    result = {"benchmark": arguments.name, **measured, "machine": machine()}
    print_table(result, sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        sys.stdout.buffer.write(orjson.dumps(result, option=orjson.OPT_SERIALIZE_NUMPY) + b"\n")
    return 0
