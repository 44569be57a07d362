"""A scraper of ``/metrics`` beside a benchmark, in a process of its own, once a second.

    with scraping(url, pid) as scraped:
        ...
    scraped[0].scrapes

The block begins after the first scrape, so that the start of the process is not measured. It checks
that each answer is complete and that its counters never go back.
"""

from __future__ import annotations

import contextlib
import select
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import orjson
import psutil

from scripts.benchmarks.result import check

ROOT = Path(__file__).resolve().parent.parent.parent
INTERVAL_S = 1.0
TIMEOUT_S = 60.0
COUNTED_SCRAPES = 200
LAST = b"\nexchange_configuration_info{"  # the metric that the collector yields at the end
GROWS = b"\nexchange_orders_processed_total "


class Scraped(NamedTuple):
    """``slowest_s``: the longest answer after the first; ``size_bytes``: of the last one.

    ``cpu_ms``: processor time of the process that answers, for one scrape of an idle exchange.
    """

    scrapes: int
    slowest_s: float
    size_bytes: int
    cpu_ms: float = 0.0


def processed(text: bytes) -> float:
    """How many orders ``text`` says are processed; raises ValueError for half an answer."""
    if LAST not in text or GROWS not in text:
        raise ValueError(f"no whole answer: {text[-200:]!r}")
    return float(text.partition(GROWS)[2].partition(b"\n")[0])


def _scrape(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
        text: bytes = answer.read()
    return text


def cpu_ms_per_scrape(url: str, pid: int) -> float:
    """Processor time of process ``pid`` for one scrape of ``url``, while nothing else happens."""
    process = psutil.Process(pid)
    before = process.cpu_times()
    for _ in range(COUNTED_SCRAPES):
        _scrape(url)
    after = process.cpu_times()
    used_s = after.user + after.system - before.user - before.system
    return 1000 * used_s / COUNTED_SCRAPES


def scrape_until_told(url: str) -> Scraped:
    """Scrape ``url``, say so with a line, then scrape each INTERVAL_S until standard input ends."""
    text = _scrape(url)
    before = processed(text)
    print(flush=True)
    scrapes, slowest_s = 1, 0.0
    due_s = time.monotonic() + INTERVAL_S / 2
    while not select.select([sys.stdin], [], [], max(due_s - time.monotonic(), 0))[0]:
        began_s = time.monotonic()
        text = _scrape(url)
        slowest_s = max(slowest_s, time.monotonic() - began_s)
        scrapes += 1
        now = processed(text)
        if now < before:
            raise ValueError(f"a counter went back from {before} to {now}")
        before = now
        due_s += INTERVAL_S
    return Scraped(scrapes, slowest_s, len(text))


@contextlib.contextmanager
def scraping(url: str, pid: int) -> Iterator[list[Scraped]]:
    """Scrape ``url`` while the block runs; what came of it is in the list after the block.

    ``pid``: of the process that answers.
    """
    found: list[Scraped] = []
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.benchmarks.scraper", url],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        check(process.stdout.readline() == b"\n", "the first scrape failed")
        yield found
        output, _ = process.communicate(timeout=TIMEOUT_S)
        check(process.returncode == 0, "the scraper failed")
        cpu_ms = cpu_ms_per_scrape(url, pid)
        found.append(Scraped(**orjson.loads(output))._replace(cpu_ms=cpu_ms))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


if __name__ == "__main__":
    print(orjson.dumps(scrape_until_told(sys.argv[1])._asdict()).decode())
