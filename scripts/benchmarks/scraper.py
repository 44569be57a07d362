"""A scraper of ``/metrics`` beside a benchmark, in a process of its own, once a second.

    with scraping(url) as scraped:
        ...
    scraped[0].scrapes

It checks that each answer is complete and that its counters never go back.
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

from scripts.benchmarks.result import check

ROOT = Path(__file__).resolve().parent.parent.parent
INTERVAL_S = 1.0
TIMEOUT_S = 60.0
LAST = b"\nexchange_configuration_info{"  # the metric that the collector yields at the end
GROWS = b"\nexchange_orders_processed_total "


class Scraped(NamedTuple):
    """``slowest_s``: the longest answer; ``size_bytes``: of the last one."""

    scrapes: int
    slowest_s: float
    size_bytes: int


def processed(text: bytes) -> float:
    """How many orders ``text`` says are processed; raises ValueError for half an answer."""
    if LAST not in text or GROWS not in text:
        raise ValueError(f"no whole answer: {text[-200:]!r}")
    return float(text.partition(GROWS)[2].partition(b"\n")[0])


def scrape_until_told(url: str) -> Scraped:
    """Scrape ``url`` each INTERVAL_S until standard input ends."""
    scrapes, slowest_s, before, text = 0, 0.0, 0.0, b""
    due_s = time.monotonic()
    while True:
        began_s = time.monotonic()
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            text = answer.read()
        slowest_s = max(slowest_s, time.monotonic() - began_s)
        scrapes += 1
        now = processed(text)
        if now < before:
            raise ValueError(f"a counter went back from {before} to {now}")
        before = now
        due_s += INTERVAL_S
        if select.select([sys.stdin], [], [], max(due_s - time.monotonic(), 0))[0]:
            return Scraped(scrapes, slowest_s, len(text))


@contextlib.contextmanager
def scraping(url: str) -> Iterator[list[Scraped]]:
    """Scrape ``url`` while the block runs; what came of it is in the list after the block."""
    found: list[Scraped] = []
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.benchmarks.scraper", url],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield found
        output, _ = process.communicate(timeout=TIMEOUT_S)
        check(process.returncode == 0, "the scraper failed")
        found.append(Scraped(**orjson.loads(output)))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


if __name__ == "__main__":
    print(orjson.dumps(scrape_until_told(sys.argv[1])._asdict()).decode())
